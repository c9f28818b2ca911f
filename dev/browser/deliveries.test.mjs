import assert from "node:assert/strict";
import { createServer } from "node:http";
import { after, before, test } from "node:test";

import { Site, check, everyWay } from "./console.mjs";

const APPLICATION = "/api/v1/app/default";
let site;
let cookies;
let receiver;
let failing;

before(async () => {
  site = await Site.start();
  cookies = await site.signedUp();
});
after(async () => {
  receiver?.close();
  await site?.stop();
});

const send = (eventType, payload) => site.api("POST", `${APPLICATION}/msg`, { eventType, payload });

/** Returns a port where nothing listens. */
const closedPort = () => new Promise((resolve) => {
  const probe = createServer().listen(0, "127.0.0.1", () => {
    const { port } = probe.address();
    probe.close(() => resolve(port));
  });
});

/** Loads a page again until it has a text. */
const until = async (page, text) => {
  const deadline = Date.now() + 15_000;
  while (!(await page.innerText("main")).includes(text) && Date.now() < deadline) await page.reload();
  assert.ok((await page.innerText("main")).includes(text), `${text}: ${await page.innerText("main")}`);
};

test("without deliveries the page says what to do first", async () => {
  await everyWay(site, "/deliveries", "deliveries-empty", cookies);
});

test("the list has one row for each delivery, with its cause in plain words", async () => {
  receiver = createServer((request, response) => {
    request.resume();
    const status = request.url.startsWith("/broken") ? 502 : 200;
    response.writeHead(status, { "content-type": "application/json", "set-cookie": "session=abcdefghijklmnopqrstuvwxyz" });
    response.end('{"received": 12345678901234567890, "ok": true, "ok": null}');
  });
  await new Promise((resolve) => receiver.listen(0, "127.0.0.1", resolve));
  const here = `http://127.0.0.1:${receiver.address().port}`;
  const add = (body) => site.api("POST", `${APPLICATION}/endpoint`, body);
  await add({ url: `${here}/orders`, description: "Comenzi și plăți", headers: { "x-shop": "1", authorization: "Bearer s3cret" } });
  failing = await add({ url: `${here}/broken?${"long=".repeat(30)}`, description: "Un nume foarte lung pentru un webhook care nu răspunde niciodată bine",
    filterTypes: ["payment_received"] });
  await add({ url: `http://127.0.0.1:${await closedPort()}/nothing`, description: "<img src=x onerror=alert(1)>", filterTypes: ["payment_received"] });
  await send("payment_received", { customer: { name: "Ană „Țară” <b>", id: 12 }, items: [1, 2.50, null, true, {}], url: `https://example.com/${"very-long-".repeat(30)}` });
  await send("customer_created", { n: 1 });
  const page = await site.visit("/deliveries", { cookies });
  await until(page, "502 · the receiver's proxy got no answer");
  await until(page, "TCP · the connection was refused");
  assert.equal(await page.locator("tr[data-row]").count(), 4);
  await page.context().close();
  await everyWay(site, "/deliveries", "deliveries", cookies);
});

test("one delivery shows its way, its attempts and what to do", async () => {
  const list = await site.visit(`/deliveries?webhook=${failing.id}`, { cookies });
  await list.click("tr[data-row] a[data-open]");
  await until(list, "What to do");
  const path = new URL(list.url()).pathname;
  await list.context().close();
  await everyWay(site, path, "delivery", cookies);
  for (const tab of ["request", "timing", "signature"]) {
    await everyWay(site, `${path}?tab=${tab}`, `delivery-${tab}`, cookies);
  }
  await everyWay(site, `${path}/curl`, "delivery-curl", cookies);
});

test("a delivery is sent again from its page, with a script and without", async () => {
  const page = await site.visit("/deliveries?state=delivered&event=customer_created", { cookies });
  await page.click("tr[data-row] a[data-open]");
  await page.waitForSelector("[data-resend]");
  await page.click("[data-resend]");
  await page.waitForSelector(".flash.good");
  await until(page, "Attempt 2, sent by hand");
  assert.ok((await page.innerText(".body-code")).includes("12345678901234567890"), "the number as it came");
  await page.click("a[data-dialog]");
  await page.waitForSelector("#dialog[open] pre");
  await check(page, "delivery-curl-dialog");
  const where = page.url();
  await page.context().close();
  const plain = await site.visit(where, { js: false, lang: "ro", cookies });
  await plain.click("[data-resend]");
  assert.match(await plain.innerText(".flash"), /Se trimite din nou/);
  await check(plain, "delivery-resent-ro");
  await plain.context().close();
});

test("the filters and the search are part of the address", async () => {
  const page = await site.visit("/deliveries", { cookies });
  await page.selectOption("#f-state", "delivered");
  await page.waitForURL(/state=delivered/);
  await page.fill("#q", "event:nothing.like.that");
  await page.keyboard.press("Enter");
  await page.waitForSelector(".empty.no-match");
  await check(page, "deliveries-no-match");
  await page.fill("#q", "colour:red");
  await page.keyboard.press("Enter");
  await page.waitForSelector(".banner.wait");
  await check(page, "deliveries-unknown-word");
  await page.context().close();
});

test("news come as a pill, and the list waits until somebody asks for it", async () => {
  const page = await site.visit("/deliveries", { cookies });
  const rows = await page.locator("tr[data-row]").count();
  await send("customer_created", { n: 2 });
  await page.waitForSelector(".news:visible");
  assert.match(await page.innerText(".news"), /1 new event/);
  assert.equal(await page.locator("tr[data-row]").count(), rows);
  await check(page, "deliveries-news");
  await page.click(".news");
  await page.waitForFunction((before) => document.querySelectorAll("tr[data-row]").length > before, rows);
  await page.keyboard.press(".");
  assert.equal(await page.getAttribute("[data-pause]", "aria-pressed"), "true");
  await page.context().close();
});

test("a list of 300 deliveries has pages", async () => {
  for (let n = 0; n < 300; n += 1) await send("site_published", { n });
  const page = await site.visit("/deliveries?event=site_published", { cookies });
  assert.equal(await page.locator("tr[data-row]").count(), 25);
  await check(page, "deliveries-many");
  await page.click("a[rel=next]");
  await page.waitForURL(/older=/);
  assert.equal(await page.locator("tr[data-row]").count(), 25);
  await page.context().close();
});
