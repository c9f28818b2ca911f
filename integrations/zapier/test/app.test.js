// The app in the platform's own runner. It talks to the network that NETWORK_URL, NETWORK_KEY and NETWORK_SECRET name;
// without them to a stand-in.
"use strict";

const assert = require("node:assert/strict");
const http = require("node:http");
const { after, before, describe, it } = require("node:test");
const zapier = require("zapier-platform-core");

const App = require("../index");
const standIn = require("./stand-in");

const run = zapier.createAppTester(App);
let network;
let authData;
let receiver;

before(async () => {
  const { NETWORK_URL: url, NETWORK_KEY: key, NETWORK_SECRET: secret } = process.env;
  network = url ? { url, key, secret, close() {} } : await standIn.start();
  authData = { url: network.url, api_key: network.key, api_secret: network.secret };
  receiver = await startReceiver();
});

after(() => {
  network.close();
  receiver.close();
});

describe("signing in", () => {
  it("is tested with the network's name as the label of the connection", async () => {
    const answer = await run(App.authentication.test, { authData });
    assert.equal(answer.success, true);
    assert.ok(answer.label.length > 0);
    assert.equal(App.authentication.connectionLabel, "{{label}}");
  });

  it("works with whichever address of the network people paste", async () => {
    for (const end of ["/", "/wp-json", "/wp-json/", "/wp-json/wu/v2"]) {
      const answer = await run(App.authentication.test, { authData: { ...authData, url: network.url + end } });
      assert.equal(answer.success, true, end);
    }
  });

  it("says that the key or the secret is wrong", async () => {
    for (const wrong of [{ api_secret: "wrongwrongwrongwrongwron" }, { api_key: "wrongwrongwrongwrongwron" }]) {
      await assert.rejects(run(App.authentication.test, { authData: { ...authData, ...wrong } }), (error) => {
        assert.match(error.message, /API key or the API secret is not right/);
        return true;
      });
    }
  });

  it("refuses an address where something else answers", async () => {
    await assert.rejects(run(App.authentication.test, { authData: { ...authData, url: receiver.url } }), /no API of a network/);
  });
});

describe("the chooser of events", () => {
  it("lists what can happen on the network", async () => {
    const listed = await run(App.triggers.event_types.operation.perform, { authData });
    const payment = listed.find((type) => type.id === "payment_received");
    assert.equal(payment.name, "Payment Received");
    assert.equal(App.triggers.event_types.display.hidden, true);
    assert.equal(App.triggers.new_event.operation.inputFields[0].dynamic, "event_types.id.name");
  });
});

describe("the trigger New Event", () => {
  const { performSubscribe, performUnsubscribe, perform, performList } = App.triggers.new_event.operation;
  const inputData = { event: "payment_received" };

  it("shows the example of the chosen event", async () => {
    const [example] = await run(performList, { authData, inputData });
    assert.equal(example.id, "example-payment_received");
    assert.ok("payment_id" in example);
    await assert.rejects(run(performList, { authData, inputData: { event: "nothing_like_it" } }), /has no event/);
  });

  it("starts a Zap for each event from subscribing to unsubscribing", async () => {
    const subscribeData = await run(performSubscribe, { authData, inputData, targetUrl: receiver.url });
    assert.ok(subscribeData.id);
    assert.equal((await webhook(subscribeData.id)).data.integration, "zapier");

    const fields = { payment_id: "7", customer_name: 'Ștefan "😀"' };
    const sent = { event: "payment_received", fields, json: '{"payment_total_raw": 9.5, "is_free": false}' };
    await run(App.creates.send_event.operation.perform, { authData, inputData: sent });
    const request = await receiver.next();
    const { wu_version: version, ...payload } = JSON.parse(request.body);
    assert.deepEqual(payload, { ...fields, payment_total_raw: 9.5, is_free: false });
    assert.ok(version === undefined || typeof version === "string");

    const bundle = { authData, inputData, cleanedRequest: JSON.parse(request.body), rawRequest: { headers: asZapierWrites(request.headers) } };
    const [event, ...more] = await run(perform, bundle);
    assert.equal(more.length, 0);
    assert.equal(event.id, request.headers["webhook-id"]);
    assert.equal(event.customer_name, fields.customer_name);

    await run(performUnsubscribe, { authData, inputData, subscribeData });
    assert.equal((await webhook(subscribeData.id)).status, 404);
    // Zapier may ask twice.
    await run(performUnsubscribe, { authData, inputData, subscribeData });
  });

  it("tells the words of the network when it refuses a subscription", async () => {
    await assert.rejects(run(performSubscribe, { authData, inputData: { event: "" }, targetUrl: receiver.url }), (error) => {
      assert.doesNotMatch(error.message, /undefined|not as its API does/);
      return true;
    });
  });

  it("does not take wrong credentials for a webhook that is gone", async () => {
    const wrong = { ...authData, api_secret: "wrongwrongwrongwrongwron" };
    await assert.rejects(run(performUnsubscribe, { authData: wrong, inputData, subscribeData: { id: 1 } }));
  });

  it("gives an event without an id one of its own content", async () => {
    const bundle = { authData, inputData, cleanedRequest: { payment_id: 7 }, rawRequest: { headers: {} } };
    const [[first], [second]] = [await run(perform, bundle), await run(perform, bundle)];
    assert.ok(first.id && first.id === second.id);
  });
});

describe("the action Send an Event", () => {
  const { perform } = App.creates.send_event.operation;

  it("answers with the event that it made", async () => {
    const made = await run(perform, { authData, inputData: { event: "customer_created", fields: { customer_name: "Ana" } } });
    assert.equal(made.slug, "customer_created");
  });

  it("says what is wrong with a payload that is no JSON object", async () => {
    for (const json of ["{", "[1]", "null", "7"]) {
      await assert.rejects(run(perform, { authData, inputData: { event: "customer_created", json } }), /Payload as JSON/);
    }
  });
});

describe("the app", () => {
  it("is one that the platform accepts", async () => {
    const { results } = await zapier.createAppHandler(App)({ command: "validate" });
    assert.deepEqual(results, []);
  });

  it("sends its credentials to the network alone", () => {
    const request = App.beforeRequest[0]({ url: "https://elsewhere.example/wp-json/wu/v2/auth", headers: {} }, {}, { authData });
    assert.deepEqual(request.headers, {});
  });
});

async function webhook(id) {
  const authorization = `Basic ${Buffer.from(`${network.key}:${network.secret}`).toString("base64")}`;
  const response = await fetch(`${network.url}/wp-json/wu/v2/webhook/${id}`, { headers: { authorization } });
  return { status: response.status, data: await response.json() };
}

// `webhook-id` reaches an app as `Http-Webhook-Id`.
function asZapierWrites(headers) {
  const words = (name) => name.replace(/(^|-)(\w)/g, (all) => all.toUpperCase());
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [`Http-${words(name)}`, value]));
}

// In Zapier's place: `next` waits for a request that was not taken yet.
async function startReceiver() {
  const kept = [];
  let arrived = () => {};
  const server = http.createServer(async (request, response) => {
    kept.push({ headers: request.headers, body: await standIn.text(request) });
    response.end("{}");
    arrived();
  });
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  const next = async () => {
    while (true) {
      const posted = kept.findIndex((request) => request.body);
      if (posted >= 0) return kept.splice(posted, 1)[0];
      await new Promise((done) => (arrived = done));
    }
  };
  return { url: `http://127.0.0.1:${server.address().port}`, next, close: () => server.close() };
}
