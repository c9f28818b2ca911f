// A network as small as the app can be tested with: the four routes that it uses, for one pair of key and secret.
"use strict";

const http = require("node:http");

const EVENT_TYPES = {
  payment_received: { name: "Payment Received", desc: "A payment came in.", payload: { payment_id: 0, payment_total: "$ 0.00" }, deprecated_args: [] },
  customer_created: { name: "Customer Created", desc: "", payload: { customer_id: 0, customer_name: "John" }, deprecated_args: [] },
};

// Starts it and returns how to sign in to it, and how to end it.
async function start() {
  const pair = { key: "standInKey00000000000000", secret: "standInSecret00000000000" };
  const wanted = `Basic ${Buffer.from(`${pair.key}:${pair.secret}`).toString("base64")}`;
  const webhooks = new Map();
  const server = http.createServer(async (request, response) => {
    const answer = (status, value, headers = {}) => {
      response.writeHead(status, { "content-type": "application/json", ...headers }).end(JSON.stringify(value));
    };
    const refuse = (status, code, message) => answer(status, { code, message, data: { status } });
    if (request.headers.authorization !== wanted) {
      return refuse(401, "rest_forbidden", "Sorry, you are not allowed to do that.");
    }
    const body = await text(request);
    const [, route, id] = /^\/wp-json\/wu\/v2\/(\w+)(?:\/(\w+))?$/.exec(request.url) || [];
    switch (`${request.method} ${route}`) {
      case "GET auth":
        return answer(200, { success: true, label: "Stand-in Network", message: "Welcome" });
      case "GET hooks":
        return answer(200, EVENT_TYPES);
      case "POST webhook": {
        const given = JSON.parse(body);
        const missing = ["name", "webhook_url", "event", "integration"].filter((field) => !given[field]);
        if (missing.length) return refuse(400, "rest_missing_callback_param", `Missing parameter(s): ${missing.join(", ")}`);
        const webhook = { id: webhooks.size + 1, ...given };
        webhooks.set(webhook.id, webhook);
        return answer(200, webhook);
      }
      case "GET webhook":
        if (!webhooks.has(Number(id))) return refuse(404, "wu_rest_webhook_invalid_id", "Item not found.");
        return answer(200, webhooks.get(Number(id)));
      case "DELETE webhook":
        if (!webhooks.delete(Number(id))) return refuse(404, "wu_rest_webhook_invalid_id", "Item not found.");
        return answer(200, 1);
      case "POST event": {
        const event = JSON.parse(body);
        if (!event.slug) return refuse(400, "rest_missing_callback_param", "Missing parameter(s): slug");
        answer(200, { id: 1, ...event });
        for (const webhook of webhooks.values()) {
          if (webhook.event === event.slug) await post(webhook.webhook_url, event.payload);
        }
        return undefined;
      }
      default:
        return refuse(404, "rest_no_route", "No route was found.");
    }
  });
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  return { url: `http://127.0.0.1:${server.address().port}`, ...pair, close: () => server.close() };
}

async function text(request) {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

async function post(url, payload) {
  const headers = { "content-type": "application/json", "webhook-id": "msg_standin" };
  await fetch(url, { method: "POST", headers, body: JSON.stringify({ ...payload, wu_version: "2.4.13" }) });
}

module.exports = { start, text };
