// The whole story with the npm packages: application, event type, endpoint, secret, send, verify, attempts, resend,
// rotate, delete. Reads PACKAGE, SEMNAL_URL and SEMNAL_TOKEN; prints the steps that it got through. test_node.py runs it.
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";

import { load } from "./packages.mjs";

const { Svix, Webhook, ApiException } = await load(process.env.PACKAGE);
const standardwebhooks = await load("standardwebhooks");

const DEADLINE_MS = 20_000;
const steps = [];

const deadline = AbortSignal.timeout(DEADLINE_MS);
deadline.addEventListener("abort", () => {
  console.error(`gave up after the steps: ${steps.join(", ")}`);
  process.exit(1);
});

// Each request that arrives is kept with its raw bytes; `arrival(n)` waits for the n-th.
const requests = [];
const receiver = createServer(async (request, response) => {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  requests.push({ headers: request.headers, body: Buffer.concat(chunks) });
  response.end("ok");
  receiver.emit("kept");
}).listen(0, "127.0.0.1");
await once(receiver, "listening");

async function arrival(number) {
  while (requests.length < number) await once(receiver, "kept");
  return requests[number - 1];
}

function verify(secret, { headers, body }) {
  new Webhook(secret).verify(body, headers);
  return new standardwebhooks.Webhook(secret).verify(body, headers);
}

const svix = new Svix(process.env.SEMNAL_TOKEN, { serverUrl: process.env.SEMNAL_URL });

const application = await svix.application.create({ name: "Acme" });
steps.push("application");
const name = `node.story-${application.id.slice(-8)}`;
await svix.eventType.create({ name, description: "A story was told" });
steps.push("event type");
const url = `http://127.0.0.1:${receiver.address().port}/hook`;
const endpoint = await svix.endpoint.create(application.id, { url, eventTypes: [name] });
assert.equal(endpoint.url, url);
steps.push("endpoint");
const { key: secret } = await svix.endpoint.getSecret(application.id, endpoint.id);
assert.match(secret, /^whsec_/);
steps.push("secret");

const payload = { nume: "Ștefan 😀", n: 7 };
const message = await svix.message.create(application.id, { eventType: name, payload });
const content = { withContent: true };
assert.deepEqual((await svix.message.get(application.id, message.id, content)).payload, payload);
const first = await arrival(1);
assert.equal(first.headers["webhook-id"], message.id);
steps.push("delivered");
assert.deepEqual(verify(secret, first), payload);
steps.push("verified");

// The answer is recorded a moment after the receiver gave it; asking again is all the waiting that there is.
async function attempts(count) {
  let found = [];
  while (found.length < count) found = (await svix.messageAttempt.listByMsg(application.id, message.id)).data;
  return found;
}
const [attempt] = await attempts(1);
assert.equal(attempt.responseStatusCode, 200);
assert.equal(attempt.endpointId, endpoint.id);
steps.push("attempts");

await svix.messageAttempt.resend(application.id, message.id, endpoint.id);
assert.equal((await arrival(2)).headers["webhook-id"], message.id);
assert.equal((await attempts(2)).length, 2);
steps.push("resent");

await svix.messageAttempt.expungeContent(application.id, message.id, attempt.id);
assert.equal((await svix.messageAttempt.get(application.id, message.id, attempt.id)).response, "EXPUNGED");
await svix.message.expungeContent(application.id, message.id);
const { payload: gone } = await svix.message.get(application.id, message.id, { withContent: true });
assert.deepEqual(gone, { expired: true });
await assert.rejects(
  svix.messageAttempt.resend(application.id, message.id, endpoint.id),
  (error) => error instanceof ApiException && error.code === 400,
);
steps.push("expunged");

await svix.endpoint.rotateSecret(application.id, endpoint.id, {});
const { key: newSecret } = await svix.endpoint.getSecret(application.id, endpoint.id);
assert.notEqual(newSecret, secret);
await svix.message.create(application.id, { eventType: name, payload });
const overlapping = await arrival(3);
verify(secret, overlapping);
verify(newSecret, overlapping);
steps.push("rotated");

await svix.application.delete(application.id);
await assert.rejects(svix.application.get(application.id), (error) => error instanceof ApiException && error.code === 404);
steps.push("deleted");

console.log(JSON.stringify({ steps }));
process.exit(0);
