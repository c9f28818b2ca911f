// Walks every list of an npm SDK to its end and back to its start, and requires that both ways agree. Reads PACKAGE,
// SEMNAL_URL, SEMNAL_TOKEN, APP, ENDPOINT, MESSAGE and PAGE; prints what each list has. test_long_lists.py runs it.
import assert from "node:assert/strict";

import { load } from "./packages.mjs";

const { Svix } = await load(process.env.PACKAGE);
const { APP, ENDPOINT, MESSAGE } = process.env;
const limit = Number(process.env.PAGE);
const svix = new Svix(process.env.SEMNAL_TOKEN, { serverUrl: process.env.SEMNAL_URL });
const attempts = svix.messageAttempt;

const id = (it) => it.id;
const lists = {
  applications: [(options) => svix.application.list(options), id],
  "event types": [(options) => svix.eventType.list(options), (it) => it.name],
  endpoints: [(options) => svix.endpoint.list(APP, options), id],
  messages: [(options) => svix.message.list(APP, options), id],
  "background tasks": [(options) => svix.backgroundTask.list(options), id],
  "attempted messages": [(options) => attempts.listAttemptedMessages(APP, ENDPOINT, options), id],
  "attempted destinations": [(options) => attempts.listAttemptedDestinations(APP, MESSAGE, options), id],
  "attempts by endpoint": [(options) => attempts.listByEndpoint(APP, ENDPOINT, options), (it) => it.msgId],
  "attempts by message": [(options) => attempts.listByMsg(APP, MESSAGE, options), (it) => it.endpointId],
};

async function walk([list, identify]) {
  let page = await list({ limit });
  const pages = [page];
  while (!page.done) {
    page = await list({ limit, iterator: page.iterator });
    pages.push(page);
  }
  const forwards = pages.map(({ data }) => data.map(identify));
  for (const expected of forwards.slice(0, -1).reverse()) {
    page = await list({ limit, iterator: page.prevIterator });
    assert.deepEqual(page.data.map(identify), expected);
  }
  return forwards.flat();
}

const told = {};
for (const [name, list] of Object.entries(lists)) told[name] = await walk(list);
console.log(JSON.stringify(told));
