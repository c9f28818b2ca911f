import assert from "node:assert/strict";
import { createServer } from "node:http";
import { after, before, test } from "node:test";

import { Site, arrived, check, everyWay } from "./console.mjs";

const APPLICATION = "/api/v1/app/default";
let site;
let cookies;
let receiver;

before(async () => {
  site = await Site.start();
  cookies = await site.signedUp();
});
after(async () => {
  receiver?.close();
  await site?.stop();
});

test("without events each page says what to do", async () => {
  await everyWay(site, "/events", "events-empty", cookies);
  await everyWay(site, "/dashboard", "dashboard-empty", cookies);
});

test("events show how they fared, and one event who got it and who did not", async () => {
  receiver = createServer((request, response) => {
    request.resume();
    response.writeHead(request.url.startsWith("/broken") ? 500 : 200).end();
  });
  await new Promise((resolve) => receiver.listen(0, "127.0.0.1", resolve));
  const here = `http://127.0.0.1:${receiver.address().port}`;
  const add = (body) => site.api("POST", `${APPLICATION}/endpoint`, body);
  for (let n = 0; n < 10; n += 1) await add({ url: `${here}/${n}`, description: `Destinația ${n}` });
  await add({ url: `${here}/broken`, description: "Un nume foarte lung pentru un webhook care nu răspunde niciodată bine" });
  await add({ url: `${here}/other`, description: "Alt eveniment", filterTypes: ["customer_created"] });
  let sent;
  for (let n = 0; n < 3; n += 1) {
    const body = { eventType: "payment_received", eventId: `comanda-${"0".repeat(40)}-${n}`, payload: { n, customer: { name: "Ană" } } };
    sent = await site.api("POST", `${APPLICATION}/msg`, body);
  }
  const page = await site.visit("/events", { cookies });
  const deadline = Date.now() + 15_000;
  while (!(await page.locator(".dot.good").count()) && Date.now() < deadline) await page.reload();
  assert.ok(await page.locator(".dot.good").count());
  await page.context().close();
  await everyWay(site, "/events", "events", cookies);
  await everyWay(site, `/events/${sent.id}`, "event", cookies);
  await everyWay(site, "/dashboard", "dashboard", cookies);
});

test("the catalogue lists every event, and one event what it carries and who gets it", async () => {
  await everyWay(site, "/catalogue", "catalogue", cookies);
  await everyWay(site, "/catalogue/payment_received", "event-type", cookies);
});

test("a payload is checked in place and the verdict is announced", async () => {
  const page = await site.visit("/catalogue/payment_received", { cookies });
  await page.fill("#payload", '{"nothing": ');
  await page.click("#validate button[type=submit]");
  await page.waitForSelector("#validate .banner.bad");
  await check(page, "event-type-verdict");
  await page.context().close();
});

test("an event type of one's own is added with a form that says what is wrong", async () => {
  await everyWay(site, "/catalogue/~new", "event-type-new", cookies);
  const page = await site.visit("/catalogue/~new", { lang: "ro", width: 390, js: false, cookies });
  await page.fill("#name", "două cuvinte");
  await page.fill("#example", "{");
  await page.click(".form-card button[type=submit]");
  assert.match(await page.innerText("#error-summary"), /corectat/);
  await check(page, "event-type-errors-ro-390");
  await page.fill("#name", "comanda.platita");
  await page.fill("#example", '{"id": 1}');
  await page.click(".form-card button[type=submit]");
  assert.match(await page.innerText(".flash"), /comanda.platita este în catalog/);
  await page.context().close();
});

test("a key is made, shown once and revoked in a dialog", async () => {
  await everyWay(site, "/settings", "settings", cookies);
  const page = await site.visit("/settings", { cookies });
  await page.fill("#name", "Zapier");
  await page.check("[name=scope-send]");
  await page.click(".form-card button[type=submit]");
  await page.waitForSelector(".copied-key");
  assert.match(await page.innerText(".copied-key"), /^semnal_/);
  await check(page, "settings-key-made");
  await page.locator("tr", { hasText: "Zapier" }).locator("a[data-dialog]").click();
  await page.waitForSelector("#dialog[open] h1");
  await check(page, "settings-revoke-dialog");
  await page.click("#dialog button");
  await page.waitForSelector(".flash.good");
  assert.match(await page.locator("tr", { hasText: "Zapier" }).innerText(), /Revoked/);
  await page.context().close();
});

test("a key and its secret for Zapier are made, shown once and revoked, and so is an address for events", async () => {
  await everyWay(site, "/settings/integrations", "integrations", cookies);
  const page = await site.visit("/settings", { lang: "ro", cookies });
  await page.click(".tabs a[href='/settings/integrations']");
  await page.fill("#name", "Zapier");
  await page.click(".form-card button[type=submit]");
  await page.waitForSelector(".made-pair");
  await check(page, "integrations-pair-made-ro");
  const [url, key, secret] = await page.locator(".made-pair dd").allInnerTexts();
  const answer = await fetch(`${url.trim()}/wp-json/wu/v2/auth`, { headers: { authorization: `Basic ${btoa(`${key.trim()}:${secret.trim()}`)}` } });
  assert.equal(answer.status, 200);
  await page.fill("#name", "Rețea");
  await page.check("[value=ultimate-multisite-source]");
  await page.click(".form-card button[type=submit]");
  await page.waitForSelector(".copied-key");
  assert.match(await page.innerText(".copied-key"), /\/in\/\w+\/\{event\}/);
  await check(page, "integrations-source-made-ro");
  await page.locator("tr", { hasText: "Zapier" }).locator("a[data-dialog]").click();
  await page.click("#dialog[open] button");
  await arrived(page, ".flash.good");
  assert.equal(new URL(page.url()).pathname, "/settings/integrations");
  assert.match(await page.locator("tr", { hasText: "Zapier" }).innerText(), /Revocată/);
  await page.context().close();
});
