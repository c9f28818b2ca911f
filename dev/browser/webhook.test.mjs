// One webhook from its form to its end: add, look, edit, new secret, delete; several at once.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { Site, arrived, check, everyWay } from "./console.mjs";
import { Receivers } from "./receivers.mjs";

const APPLICATION = "/api/v1/app/default";
const LONG = "Unnumefoartelungfărăspații".repeat(6);
let site;
let cookies;
let receivers;

before(async () => {
  receivers = await Receivers.start();
  site = await Site.start();
  cookies = await site.signedUp();
});
after(async () => {
  await site?.stop();
  await receivers?.stop();
});

test("the form looks right everywhere, with every event under it", async () => {
  await everyWay(site, "/webhooks/new", "webhook-new", cookies);
  const page = await site.visit("/webhooks/new?event=payment_received", { lang: "ro", cookies });
  assert.equal(await page.locator(".offer").count(), 23);
  assert.match(await page.innerText("#preview"), /payment_reference_code/);
  await page.click("#offer-customer_created summary");
  await page.click("#offer-customer_created .offer-body details summary");
  await page.click(".folded > summary");
  await check(page, "webhook-new-open-ro");
  await page.context().close();
});

test("a webhook is added with a script: found, previewed, saved, active, and its test is next", async () => {
  const page = await site.visit("/webhooks/new", { cookies });
  await page.fill("#name", "Comenzi");
  await page.fill("#url", receivers.url("204"));
  await page.fill("[data-filter]", "payment rec");
  assert.equal(await page.locator("#event-list .check:visible").count(), 1);
  await page.keyboard.press("Enter");
  assert.equal(await page.locator("#error-summary").count(), 0, "Enter in the search sends nothing");
  await page.check("#event-list input[value=payment_received]");
  assert.match(await page.innerText("#preview"), /Payment Received/);
  await page.click("#offer-domain_created summary");
  await page.click("#offer-domain_created [data-use]");
  assert.equal(await page.isChecked("#event-list input[value=domain_created]"), true);
  await page.click("#webhook-form .buttons .primary");
  await page.waitForSelector(".next-step");
  assert.match(await page.innerText("main"), /Comenzi was added and is active/);
  assert.match(await page.innerText("#secret"), /whsec_/);
  await check(page, "webhook-added");
  const made = (await site.api("GET", `${APPLICATION}/endpoint`)).data[0];
  assert.deepEqual([made.description, made.disabled, made.paused], ["Comenzi", false, false]);
  assert.deepEqual(made.eventTypes, ["domain_created", "payment_received"]);
  await page.click(".next-step .primary");
  await page.click("#send");
  await page.waitForSelector(".verdict.good");
  await page.context().close();
});

test("without a script an event of the list is taken over with what was typed", async () => {
  const page = await site.visit("/webhooks/new", { js: false, lang: "ro", cookies });
  await page.fill("#name", "Fără script");
  await page.fill("#url", receivers.url("empty"));
  await page.click("#offer-payment_received summary");
  await page.click("#offer-payment_received [data-use]");
  assert.equal(await page.inputValue("#name"), "Fără script");
  assert.equal(await page.isChecked("#event-list input[value=payment_received]"), true);
  await check(page, "webhook-new-no-script-ro");
  await page.click("#webhook-form .buttons .primary");
  assert.match(await page.innerText("main"), /Fără script a fost adăugat și este activ/);
  await page.context().close();
});

test("what is wrong is said on top and at the field, and what was typed stays", async () => {
  for (const [lang, words] of [["en", /3 fields need a change/], ["ro", /3 câmpuri/]]) {
    const page = await site.visit("/webhooks/new", { lang, cookies });
    await page.fill("#name", "Greșit");
    await page.locator("#url").fill("http://");
    await page.click(".folded > summary");
    await page.fill("#rate", "mult");
    await page.locator("#webhook-form").evaluate((form) => { form.noValidate = true; });
    await page.click("#webhook-form .buttons .primary");
    await arrived(page, "#error-summary");
    assert.match(await page.innerText("#error-summary h2"), words);
    assert.equal(await page.inputValue("#name"), "Greșit");
    assert.equal(await page.inputValue("#rate"), "mult");
    assert.equal(await page.isVisible("#rate"), true, "the folded part is open");
    await check(page, `webhook-new-refused-${lang}`);
    await page.click("#error-summary a[href='#rate']");
    await page.waitForFunction(() => document.activeElement.id === "rate");
    assert.equal(new URL(page.url()).hash, "#rate");
    assert.equal(await page.inputValue("#name"), "Greșit", "a link within the page loads nothing anew");
    await page.context().close();
  }
});

test("the page of a webhook looks right everywhere, also with long names", async () => {
  const { id } = await site.api("POST", `${APPLICATION}/endpoint`, {
    url: `${receivers.url("500")}?${"long=".repeat(40)}`, description: LONG, uid: "uid-of-ours", rateLimit: 1000,
    filterTypes: ["payment_received", "customer_created", "membership_status_transition"], channels: ["ro", "eu"],
    headers: { "x-team": "plăți".normalize("NFD").replace(/[^a-z]/g, ""), authorization: "Bearer secret-of-the-test" },
    metadata: { integration: "zapier" }, retrySchedule: ["1h"],
  });
  await site.api("POST", `${APPLICATION}/endpoint/${id}/send-example`, { eventType: "payment_received" });
  const page = await site.visit(`/webhooks/${id}`, { cookies });
  const deadline = Date.now() + 15_000;
  while (!(await page.innerText("main")).includes("500 ·") && Date.now() < deadline) await page.reload();
  const text = await page.innerText("main");
  assert.match(text, /Failed[\s\S]*Test[\s\S]*500 · the receiver answered with an error/);
  assert.ok(!text.includes("secret-of-the-test") && !text.includes("whsec_"), text);
  await page.click("#secret a");
  await page.waitForSelector("#secret .code");
  assert.match(await page.innerText("#secret"), /whsec_/);
  await check(page, "webhook-secret-shown");
  await page.context().close();
  await everyWay(site, `/webhooks/${id}`, "webhook", cookies);
  await everyWay(site, `/webhooks/${id}/edit`, "webhook-edit", cookies);
  await everyWay(site, `/webhooks/${id}/rotate`, "webhook-rotate", cookies);
  await everyWay(site, `/webhooks/${id}/delete`, "webhook-delete", cookies);
  const edit = await site.visit(`/webhooks/${id}/edit`, { cookies });
  assert.match(await edit.inputValue("#headers"), /authorization: ••••/);
  await edit.fill("#name", "Scurt");
  await edit.click("#webhook-form .buttons .primary");
  await edit.waitForSelector("text=Scurt was saved");
  assert.deepEqual((await site.api("GET", `${APPLICATION}/endpoint/${id}/headers`)).sensitive, ["authorization"]);
  await edit.click("a[href$=rotate]");
  await edit.waitForSelector("#dialog[open]");
  await check(edit, "webhook-rotate-dialog");
  await edit.click("#dialog .primary");
  await edit.waitForSelector("text=Scurt has a new secret");
  await edit.click("a[href$=delete]");
  await edit.click("#dialog .danger");
  await edit.waitForURL(`${site.url}/webhooks`);
  assert.match(await edit.innerText(".flash"), /Deleted: Scurt/);
  await edit.context().close();
});

test("300 webhooks are found, sorted, paged, and changed together", async () => {
  const add = (n) => site.api("POST", `${APPLICATION}/endpoint`, { url: "https://example.com/", description: `Număr ${n}` });
  for (let from = 0; from < 300; from += 25) await Promise.all(Array.from({ length: 25 }, (_, n) => add(from + n)));
  const page = await site.visit("/webhooks?q=Număr&sort=name", { cookies });
  assert.match(await page.innerText("tr[data-row] th"), /^Număr 0/);
  await page.click("[rel=next]");
  await page.waitForURL(/page=2/);
  await check(page, "webhooks-300");
  await page.check("[data-all]");
  await page.click("#bulk button[value=pause]");
  await page.waitForSelector("text=Paused: 25.");
  assert.match(page.url(), /q=Num.*&sort=name&page=2$/, "the place in the list stays");
  await page.selectOption("#state", "paused");
  await page.waitForURL(/state=paused/);
  assert.equal(await page.locator("tr[data-row]").count(), 25);
  await page.context().close();
  const plain = await site.visit("/webhooks?state=paused", { js: false, lang: "ro", cookies });
  for (const box of (await plain.locator(".pick input").all()).slice(0, 3)) await box.check();
  await plain.click("#bulk button[value=delete]");
  assert.match(await plain.innerText("h1"), /Ștergi 3 webhook-uri/);
  await check(plain, "webhooks-delete-several-ro");
  await plain.click("main .danger");
  await arrived(plain, "tr[data-row]");
  assert.equal(await plain.locator("tr[data-row]").count(), 22);
  await plain.context().close();
});

test("whoever may only read sees no button that would change something", async () => {
  const { id } = (await site.api("GET", `${APPLICATION}/endpoint`)).data[0];
  const { token } = await site.api("POST", "/api/v1/auth/app-portal-access/default", { readOnly: true });
  const page = await site.visit(`/login#key=${token}`);
  await page.waitForURL(`${site.url}/webhooks`);
  assert.equal(await page.locator(".actions a, .actions button, #bulk, .pick").count(), 0);
  await check(page, "webhooks-read-only");
  await page.goto(`/webhooks/${id}`);
  assert.equal(await page.locator("main .button").count(), 0);
  await check(page, "webhook-read-only");
  for (const what of ["edit", "delete", "rotate", "test", "pause"]) {
    assert.equal((await page.goto(`/webhooks/${id}/${what}`)).status(), 403, what);
  }
  await page.context().close();
});
