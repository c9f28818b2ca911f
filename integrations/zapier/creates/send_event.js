// The action: makes an event happen, which then goes to every webhook that asked for it.
"use strict";

const { address } = require("../network");

// "Info" on the network's scale of 1 (success) to 5 (fatal).
const SEVERITY_INFO = 3;

async function perform(z, bundle) {
  const response = await z.request({
    method: "POST",
    url: address(bundle, "/event"),
    body: {
      slug: bundle.inputData.event,
      payload: payloadOf(z, bundle.inputData),
      severity: SEVERITY_INFO,
      initiator: "manual",
      object_type: "network",
    },
  });
  return response.data;
}

// The fields, and over them the JSON: fields hold text only, JSON numbers and yes or no too.
function payloadOf(z, { fields, json }) {
  if (!json) return fields || {};
  let parsed;
  try {
    parsed = JSON.parse(json);
  } catch (error) {
    throw new z.errors.Error(`"Payload as JSON" is not JSON: ${error.message}`, "InvalidData", 400);
  }
  if (parsed === null || typeof parsed !== "object" || Array.isArray(parsed)) {
    throw new z.errors.Error('"Payload as JSON" must be an object, such as {"plan": "gold"}.', "InvalidData", 400);
  }
  return { ...fields, ...parsed };
}

module.exports = {
  key: "send_event",
  noun: "Event",
  display: {
    label: "Send an Event",
    description: "Makes an event happen on your network, for every webhook that listens to it.",
  },
  operation: {
    inputFields: [
      {
        key: "event",
        label: "Event",
        required: true,
        type: "string",
        dynamic: "event_types.id.name",
        helpText: "Which event happens.",
      },
      { key: "fields", label: "Payload", dict: true, required: false, helpText: "What the event says: names and their texts." },
      {
        key: "json",
        label: "Payload as JSON",
        type: "text",
        required: false,
        helpText: "For numbers, yes or no, and lists. Added to the fields above.",
      },
    ],
    perform,
    sample: { id: 1, slug: "payment_received", object_type: "network", initiator: "manual", severity: 3 },
  },
};
