// Every operation that the server has, at least once, through an npm SDK. Reads PACKAGE, SEMNAL_URL and SEMNAL_TOKEN;
// prints which operations the SDK has and which were called. test_operations.py runs it and compares.
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";

import { load } from "./packages.mjs";

const { Svix, ApiException } = await load(process.env.PACKAGE);
const EVENT_TYPE = "order.paid";
const DEADLINE_MS = 20_000;

AbortSignal.timeout(DEADLINE_MS).addEventListener("abort", () => {
  console.error("gave up after", [...called].join(", "));
  process.exit(1);
});

const called = new Set();

// Passes everything on to the SDK, and notes which methods were used.
function recorded(target, prefix = "") {
  return new Proxy(target, {
    get(object, key) {
      const member = object[key];
      if (typeof member === "function") {
        return (...args) => {
          called.add(prefix + key);
          return member.apply(object, args);
        };
      }
      return recorded(member, `${prefix}${key}.`);
    },
  });
}

// Returns [name, HTTP method, path] of every method of the SDK, by calling each with what fits everywhere and looking at
// the request that it makes. Parameters of a path are `x`.
async function operations() {
  const requests = [];
  const fetch = async (url, { method }) => {
    requests.push([method, new URL(url).pathname]);
    return new Response("{}", { status: 404 });
  };
  const fitting = Object.assign(new String("x"), { since: new Date(0), until: new Date(0), events: [] });
  const found = [];
  const walk = async (group, prefix) => {
    const members = Object.getOwnPropertyDescriptors(Object.getPrototypeOf(group));
    for (const [name, { get, value }] of Object.entries(members)) {
      if (name === "constructor") continue;
      if (get) {
        await walk(group[name], `${prefix}${name}.`);
        continue;
      }
      await value.call(group, fitting, fitting, fitting, fitting).catch(() => {});
      assert.equal(requests.length, found.length + 1, `${prefix}${name} makes no request`);
      found.push([prefix + name, ...requests.at(-1)]);
    }
  };
  await walk(new Svix("token", { serverUrl: "http://localhost", numRetries: 0, fetch }), "");
  return found;
}

async function until(look) {
  for (;;) {
    const found = await look();
    if (found) return found;
  }
}

let arrived = 0;
const receiver = createServer(async (request, response) => {
  for await (const _ of request);
  arrived += 1;
  response.end("ok");
  receiver.emit("kept");
}).listen(0, "127.0.0.1");
await once(receiver, "listening");

async function arrivals(count) {
  while (arrived < count) await once(receiver, "kept");
}

const sdk = new Svix(process.env.SEMNAL_TOKEN, { serverUrl: process.env.SEMNAL_URL });
const svix = recorded(sdk);
// The first generation says `update` where the second says `upsert`, and has two names for some things.
const first = "update" in sdk.application;
const upsert = first ? "update" : "upsert";

await svix.health.get();

await svix.eventType.create({ name: EVENT_TYPE, description: "Paid" });
const schemas = { 1: { type: "object", examples: [{ n: 2 }] } };
await svix.eventType.create({ name: "order.lost", description: "Lost" });
assert.equal((await svix.eventType[upsert](EVENT_TYPE, { description: "An order was paid", schemas })).name, EVENT_TYPE);
assert.equal((await svix.eventType.patch(EVENT_TYPE, { groupName: "order" })).groupName, "order");
assert.equal((await svix.eventType.get(EVENT_TYPE)).description, "An order was paid");
await svix.eventType.delete("order.lost", { expunge: true });
assert.deepEqual((await svix.eventType.list()).data.map((it) => it.name), [EVENT_TYPE]);

const one = await svix.application.getOrCreate({ name: "One", uid: "one" });
assert.equal((await svix.application.getOrCreate({ name: "One", uid: "one" })).id, one.id);
assert.equal((await svix.application[upsert]("one", { name: "Two", uid: "one" })).name, "Two");
assert.equal((await svix.application.patch("one", { name: "Three" })).id, one.id);
assert.equal((await svix.application.get("one")).name, "Three");
assert.deepEqual((await svix.application.list()).data.map((it) => it.id), [one.id]);
await svix.application.delete("one");
const app = (await svix.application.create({ name: "Acme" })).id;

const url = `http://127.0.0.1:${receiver.address().port}/hook`;
const endpoint = (await svix.endpoint.create(app, { url, uid: "main" })).id;
const whole = { url, uid: "main", description: "Main" };
assert.equal((await svix.endpoint[upsert](app, "main", whole)).id, endpoint);
assert.deepEqual((await svix.endpoint.patch(app, endpoint, { metadata: { a: "b" } })).metadata, { a: "b" });
assert.equal((await svix.endpoint.get(app, "main")).description, "Main");
assert.deepEqual((await svix.endpoint.list(app)).data.map((it) => it.id), [endpoint]);
const secret = (await svix.endpoint.getSecret(app, endpoint)).key;
await svix.endpoint.rotateSecret(app, endpoint, {});
assert.notEqual((await svix.endpoint.getSecret(app, endpoint)).key, secret);
for (const set of first ? ["updateHeaders", "headersUpdate"] : ["setHeaders"]) {
  await svix.endpoint[set](app, endpoint, { headers: { "x-shop": "7", "x-old": "1" } });
}
for (const patch of first ? ["patchHeaders", "headersPatch"] : ["patchHeaders"]) {
  await svix.endpoint[patch](app, endpoint, { headers: {}, deleteHeaders: ["x-old"] });
}
assert.deepEqual((await svix.endpoint.getHeaders(app, endpoint)).headers, { "x-shop": "7" });

const message = (await svix.message.create(app, { eventType: EVENT_TYPE, payload: { n: 1 } })).id;
await svix.endpoint.sendExample(app, endpoint, { eventType: EVENT_TYPE });
await arrivals(2);
assert.equal((await svix.message.get(app, message)).eventType, EVENT_TYPE);
const has = (page, id) => page.data.some((it) => it.id === id);
assert(has(await svix.message.list(app), message));
const [attempt] = await until(async () => {
  const { data } = await svix.messageAttempt.listByMsg(app, message);
  return data.length > 0 && data;
});
assert.equal((await svix.messageAttempt.get(app, message, attempt.id)).responseStatusCode, 200);
assert(has(await svix.messageAttempt.listByEndpoint(app, endpoint), attempt.id));
assert(has(await svix.messageAttempt.listAttemptedMessages(app, endpoint), message));
const destinations = await svix.messageAttempt.listAttemptedDestinations(app, message);
assert.deepEqual(destinations.data.map((it) => it.id), [endpoint]);
await svix.messageAttempt.resend(app, message, endpoint);
await arrivals(3);
await until(async () => (await svix.endpoint.getStats(app, endpoint)).success === 2);

const now = new Date();
const since = new Date(now.getTime() - 3_600_000);
const started = [
  await svix.endpoint.recover(app, endpoint, { since }),
  await svix.endpoint.replayMissing(app, endpoint, { since }),
  await svix.endpoint.bulkReplay(app, endpoint, { since }),
  await svix.statistics.aggregateEventTypes(),
  await svix.statistics.aggregateAppStats({ since, until: now }),
];
for (const { id } of started) await until(async () => (await svix.backgroundTask.get(id)).status === "finished");
for (const list of first ? ["list", "listByEndpoint"] : ["list"]) {
  const { data } = await svix.backgroundTask[list]();
  assert.deepEqual(data.map((it) => it.id).sort(), started.map((it) => it.id).sort());
}

await svix.messageAttempt.expungeContent(app, message, attempt.id);
await svix.message.expungeContent(app, message);

const { token } = await svix.authentication.appPortalAccess(app, {});
const portal = new Svix(token, { serverUrl: process.env.SEMNAL_URL });
assert((await portal.endpoint.list(app)).data.length > 0);
await svix.authentication.expireAll(app, {});
await assert.rejects(portal.endpoint.list(app), (error) => error instanceof ApiException && error.code === 401);
await svix.authentication.logout();

await svix.endpoint.delete(app, endpoint);
await svix.application.delete(app);
console.log(JSON.stringify({ operations: await operations(), called: [...called] }));
process.exit(0);
