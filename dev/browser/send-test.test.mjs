// Send Test Event: the honest verdict, whatever the receiver does.

import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, test } from "node:test";

import { Site, arrived, check, everyWay } from "./console.mjs";
import { Receivers } from "./receivers.mjs";

const APPLICATION = "/api/v1/app/default";
let site;
let cookies;
let receivers;
let settings;

before(async () => {
  receivers = await Receivers.start();
  settings = await mkdtemp(path.join(tmpdir(), "semnal-settings-"));
  const file = path.join(settings, "semnal.toml");
  await writeFile(file, 'attempt_timeout = "2s"\n');
  site = await Site.start(["--config", file]);
  cookies = await site.signedUp();
});
after(async () => {
  await site?.stop();
  await receivers?.stop();
  await rm(settings, { recursive: true, force: true });
});

const webhook = async (name) => {
  const body = { url: receivers.url(name), description: `Receiver ${name}`, filterTypes: ["payment_received"] };
  return (await site.api("POST", `${APPLICATION}/endpoint`, body)).id;
};

/** Sends a test and returns the heading of the verdict. */
const send = async (page, id) => {
  await page.goto(`/webhooks/${id}/test`);
  await page.click("#send");
  await page.waitForSelector(".verdict");
  return (await page.innerText("#verdict")).replace(/\s+/g, " ");
};

// receiver, tone, English, Romanian
const VERDICTS = [
  ["204", "good", /^Delivered · 204 · [\d.,]+ ms$/, /^Livrat · 204 · [\d.,]+ ms$/],
  ["empty", "good", /^Delivered · 200 · [\d.,]+ ms$/, /^Livrat · 200 · [\d.,]+ ms$/],
  ["500", "bad", /^Not delivered · 500 · the receiver answered with an error · [\d.,]+ ms$/, /^Nelivrat · 500 · destinația a răspuns cu o eroare · [\d.,]+ ms$/],
  ["302", "bad", /^Not delivered · 302 · redirected; redirects are not followed · [\d.,]+ ms$/, /^Nelivrat · 302 · redirecționat; redirecționările nu sunt urmate · [\d.,]+ ms$/],
  ["closed", "bad", /^Not delivered · TCP · the connection was refused · [\d.,]+ ms$/, /^Nelivrat · TCP · conexiunea a fost refuzată · [\d.,]+ ms$/],
  ["certificate", "bad", /^Not delivered · TLS · nobody known vouches for the certificate · [\d.,]+ ms$/, /^Nelivrat · TLS · nimeni cunoscut nu garantează certificatul · [\d.,]+ ms$/],
  ["dns", "bad", /^Not delivered · DNS · no such host · [\d.,]+ ms$/, /^Nelivrat · DNS · gazda nu există · [\d.,]+ ms$/],
  ["hang", "bad", /^Not delivered · HTTP · no answer in time · [\d.,]+ ms$/, /^Nelivrat · HTTP · niciun răspuns la timp · [\d.,]+ ms$/],
];

for (const [name, tone, english, romanian] of VERDICTS) {
  test(`the verdict on ${name} is right in both languages, with a script and without`, async () => {
    const id = await webhook(name);
    for (const [lang, words, js] of [["en", english, true], ["ro", romanian, true], ["ro", romanian, false]]) {
      const page = await site.visit("/webhooks", { lang, js, cookies });
      assert.match(await send(page, id), words);
      assert.equal(await page.locator(`.verdict.${tone}`).count(), 1);
      await check(page, `send-test-${name}-${lang}${js ? "" : "-no-script"}`);
      if (name === "certificate") assert.match(await page.innerText(".verdict code"), /self-signed/);
      if (js) assert.match(await page.innerText("#live"), words.source.startsWith("^Deliv") || words.source.startsWith("^Livr") ? words : /./);
      await page.context().close();
    }
  });
}

test("a test says in its headers that it is one, and carries what was typed", async () => {
  const id = await webhook("json");
  const page = await site.visit(`/webhooks/${id}/test`, { cookies });
  await page.fill("#payload", '{"mine": 12345678901234567890, "a": 1.0}');
  await page.click("#send");
  await page.waitForSelector(".verdict.good");
  const request = receivers.seen.findLast((it) => it.url === "/json");
  assert.equal(request.headers["webhook-test"], "true");
  assert.equal(request.headers["webhook-event"], "payment_received");
  assert.ok(request.headers["webhook-signature"]);
  assert.equal(request.body, '{"mine": 12345678901234567890, "a": 1.0}');
  assert.match(await page.innerText(".verdict .code"), /"n": 12345678901234567890/);
  await page.click(".verdict details summary");
  await check(page, "send-test-headers");
  await page.click("main .crumb a");
  await page.waitForSelector(".recent li");
  assert.match(await page.innerText(".recent li"), /Delivered[\s\S]*payment_received[\s\S]*Test[\s\S]*200/);
  await page.context().close();
});

test("the form of a test looks right everywhere", async () => {
  const id = await webhook("204");
  await everyWay(site, `/webhooks/${id}/test`, "send-test", cookies);
  const page = await site.visit(`/webhooks/${id}/test`, { cookies });
  await page.click("#send");
  await page.waitForSelector(".verdict.good");
  const sent = new URL(page.url());
  await page.context().close();
  await everyWay(site, sent.pathname + sent.search, "send-test-verdict", cookies);
});

test("what is no JSON is refused with line and column, and what was typed stays", async () => {
  const id = await webhook("204");
  for (const [lang, words] of [["en", /not JSON at line 3, column 1/], ["ro", /nu este JSON la linia 3, coloana 1/]]) {
    const page = await site.visit(`/webhooks/${id}/test`, { lang, cookies });
    await page.fill("#payload", '{\n  "a": 1,\n}');
    await page.click("#send");
    await arrived(page, "#error-summary");
    assert.match(await page.innerText("#error-summary"), words);
    assert.equal(await page.inputValue("#payload"), '{\n  "a": 1,\n}');
    assert.equal(await page.evaluate(() => document.activeElement.id), "error-summary");
    await check(page, `send-test-no-json-${lang}`);
    await page.context().close();
  }
});

test("another event brings its example, with a script by choosing and without by a button", async () => {
  const id = await webhook("204");
  for (const js of [true, false]) {
    const page = await site.visit(`/webhooks/${id}/test`, { js, cookies });
    assert.match(await page.inputValue("#payload"), /payment_id/);
    await page.selectOption("#event", "domain_created");
    if (!js) await page.click("form.field button");
    await page.waitForURL(/event=domain_created/);
    await page.waitForFunction(() => document.querySelector("#payload").value.includes("domain"));
    await page.context().close();
  }
});

test("a test to a paused webhook is not sent yet, and the page says why", async () => {
  const id = await webhook("204");
  await site.api("PATCH", `${APPLICATION}/endpoint/${id}`, { paused: true });
  const page = await site.visit("/webhooks", { lang: "ro", cookies });
  assert.match(await send(page, id), /^Netrimis încă$/);
  assert.match(await page.innerText(".verdict"), /Este în pauză/);
  await check(page, "send-test-held-ro");
  await page.context().close();
});

test("by keyboard alone a test is sent from the row of its webhook", async () => {
  const page = await site.visit("/webhooks?q=Receiver+json", { cookies });
  await page.focus("tr[data-row] .actions a");
  await page.keyboard.press("Enter");
  await page.waitForSelector("#payload");
  await page.focus("#send");
  await page.keyboard.press("Enter");
  await page.waitForSelector(".verdict.good");
  assert.match(await page.innerText("#live"), /Delivered · 200/);
  await page.context().close();
});
