// The trigger: Zapier gives an address, the network posts each event of the chosen kind to it.
"use strict";

const { address, eventTypes } = require("../network");

async function subscribe(z, bundle) {
  const response = await z.request({
    method: "POST",
    url: address(bundle, "/webhook"),
    body: {
      name: `Zapier: ${bundle.inputData.event}`,
      webhook_url: bundle.targetUrl,
      event: bundle.inputData.event,
      integration: "zapier",
      active: true,
    },
  });
  return response.data;
}

async function unsubscribe(z, bundle) {
  const response = await z.request({
    method: "DELETE",
    url: address(bundle, `/webhook/${encodeURIComponent(bundle.subscribeData.id)}`),
    skipThrowForStatus: true,
  });
  // A webhook that is gone already is what was wanted. The credentials must still be right.
  if (response.status >= 400 && response.status !== 404) response.throwForStatus();
  return {};
}

// One request of the network is one event. Its id is the same when it is sent again.
function perform(z, bundle) {
  return [{ id: header(bundle.rawRequest, "webhook-id") || z.hash("sha256", JSON.stringify(bundle.cleanedRequest)), ...bundle.cleanedRequest }];
}

// Zapier writes the names of headers in its own way, and puts `Http-` before them.
function header(request, name) {
  const found = Object.entries((request && request.headers) || {}).find(
    ([key]) => key.toLowerCase().replace(/^http-/, "") === name,
  );
  return found && found[1];
}

// What people see while they set a Zap up: the example of the event that they chose.
async function performList(z, bundle) {
  const type = (await eventTypes(z, bundle))[bundle.inputData.event];
  if (!type) {
    throw new z.errors.Error(`The network has no event ${bundle.inputData.event}.`, "InvalidData", 400);
  }
  return [{ id: `example-${bundle.inputData.event}`, ...type.payload }];
}

module.exports = {
  key: "new_event",
  noun: "Event",
  display: {
    label: "New Event",
    description: "Triggers when the chosen event happens on your network.",
  },
  operation: {
    type: "hook",
    inputFields: [
      {
        key: "event",
        label: "Event",
        required: true,
        type: "string",
        dynamic: "event_types.id.name",
        helpText: "What should start this Zap.",
      },
    ],
    performSubscribe: subscribe,
    performUnsubscribe: unsubscribe,
    perform,
    performList,
    sample: { id: "msg_2b3Hc8kQnTzV", payment_id: 1, payment_status: "completed", payment_total: "$ 9.00", customer_name: "Ana Pop" },
  },
};
