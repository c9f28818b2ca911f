// The list of webhooks: empty, full, and pausing by dialog, by page and by keyboard.

import assert from "node:assert/strict";
import { createServer } from "node:http";
import { after, before, test } from "node:test";

import { Site, check, everyWay } from "./console.mjs";

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

test("without webhooks the page shows the three steps", async () => {
  await everyWay(site, "/webhooks", "webhooks-empty", cookies);
});

test("the list has the state, the numbers of the day and the last delivery of each webhook", async () => {
  receiver = createServer((request, response) => {
    request.resume();
    response.writeHead(request.url.startsWith("/broken") ? 500 : 200).end();
  });
  await new Promise((resolve) => receiver.listen(0, "127.0.0.1", resolve));
  const here = `http://127.0.0.1:${receiver.address().port}`;
  const add = (body) => site.api("POST", `${APPLICATION}/endpoint`, body);
  await add({ url: `${here}/orders`, description: "Comenzi și plăți", filterTypes: ["payment_received"] });
  await add({ url: `${here}/broken?${"long=".repeat(30)}`, description: "Un nume foarte lung pentru un webhook care nu răspunde niciodată bine",
    filterTypes: ["payment_received", "customer_created", "membership_status_transition", "site_published", "domain_created"] });
  await add({ url: `${here}/all`, metadata: { integration: "Zapier" } });
  await add({ url: "https://example.com/<script>alert(1)</script>", description: "<img src=x onerror=alert(1)>" });
  for (let n = 0; n < 5; n += 1) {
    await site.api("POST", `${APPLICATION}/msg`, { eventType: "payment_received", payload: { n } });
  }
  const page = await site.visit("/webhooks", { cookies });
  const deadline = Date.now() + 15_000;
  const row = page.locator("tr", { hasText: "Comenzi și plăți" });
  while (!(await row.innerText()).includes("100 %") && Date.now() < deadline) await page.reload();
  const text = await row.innerText();
  assert.match(text, /Active/);
  assert.match(text, /payment_received/);
  assert.match(text, /\b5\b/);
  const failing = page.locator("tr", { hasText: "Un nume foarte lung" });
  while (!(await failing.innerText()).includes("Failing since") && Date.now() < deadline) await page.reload();
  assert.match(await failing.innerText(), /Failing since/);
  assert.match(await page.locator(".banner").innerText(), /needs? a hand/);
  await page.context().close();
  await everyWay(site, "/webhooks", "webhooks", cookies);
  const whole = await site.visit("/webhooks", { lang: "ro", cookies });
  const room = await whole.locator(".table-wrap").evaluate((it) => it.clientWidth - it.scrollWidth);
  assert.equal(room, 0, "every column is in sight at 1280 px");
  await whole.context().close();
});

test("a webhook is paused in a dialog and resumed in its row, and each is announced", async () => {
  const page = await site.visit("/webhooks", { cookies });
  const row = page.locator("tr", { hasText: "Comenzi și plăți" });
  await row.locator("a[href$='/pause']").click();
  await page.waitForSelector("#dialog[open] h1");
  await check(page, "webhook-pause-dialog");
  await page.keyboard.press("Escape");
  assert.equal(await page.evaluate(() => document.activeElement.matches("a[data-dialog]")), true);
  await row.locator("a[href$='/pause']").click();
  await page.click("#dialog button");
  await page.waitForSelector(".flash.good");
  assert.match(await row.innerText(), /Paused/);
  assert.match(await page.innerText("#live"), /Comenzi și plăți is paused/);
  assert.equal(page.url(), `${site.url}/webhooks`);
  await check(page, "webhooks-paused");
  await row.locator("form button").click();
  await page.waitForSelector("text=Comenzi și plăți is active");
  assert.match(await row.innerText(), /Active/);
  await page.context().close();
});

test("without a script pausing is a page of its own", async () => {
  const page = await site.visit("/webhooks", { js: false, lang: "ro", cookies });
  const row = page.locator("tr", { hasText: "Comenzi și plăți" });
  await row.locator("a[href$='/pause']").click();
  assert.match(page.url(), /\/webhooks\/ep_[0-9A-Za-z]{27}\/pause$/);
  await check(page, "webhook-pause-page-ro");
  await page.click("main form button");
  assert.match(await row.innerText(), /În pauză/);
  await row.locator("form button").click();
  assert.match(await row.innerText(), /Activ/);
  await page.context().close();
});

test("the filter is part of the address, and nothing found is told apart from nothing there", async () => {
  const page = await site.visit("/webhooks", { cookies });
  await page.fill("#q", "nothing like that");
  await page.keyboard.press("Enter");
  await page.waitForSelector(".empty.no-match");
  assert.equal(page.url(), `${site.url}/webhooks?q=nothing+like+that`);
  await check(page, "webhooks-no-match");
  await page.goBack();
  await page.waitForSelector("#webhooks");
  await page.context().close();
});

test("rows are walked with j and k", async () => {
  const page = await site.visit("/webhooks", { cookies });
  await page.keyboard.press("j");
  await page.keyboard.press("j");
  await page.keyboard.press("k");
  assert.equal(await page.locator("tr[data-row]").first().getAttribute("aria-current"), "true");
  assert.equal(await page.evaluate(() => document.activeElement.matches("tr[data-row]:first-child a")), true);
  await page.context().close();
});
