// Fills the chooser of events. Nobody sees it as a trigger.
"use strict";

const { eventTypes } = require("../network");

async function perform(z, bundle) {
  const types = await eventTypes(z, bundle);
  return Object.entries(types).map(([slug, type]) => ({ id: slug, name: type.name || slug, description: type.desc || "" }));
}

module.exports = {
  key: "event_types",
  noun: "Event type",
  display: {
    label: "List of Event Types",
    description: "Lists what can happen on the network.",
    hidden: true,
  },
  operation: {
    perform,
    sample: { id: "payment_received", name: "Payment Received", description: "" },
  },
};
