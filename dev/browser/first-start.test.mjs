// From an empty data directory to a logged-in person: by mouse, by keyboard, without a script.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { NAME, PASSWORD, Site, arrived, check, command, everyWay } from "./console.mjs";

let site;
let cookies;

before(async () => { site = await Site.start(); });
after(async () => { await site?.stop(); });

test("before anybody has a password the login says where to find the link", async () => {
  await everyWay(site, "/login", "login-first-start");
  await everyWay(site, site.welcome, "welcome");
});

test("a page for those who are logged in leads to the login", async () => {
  const page = await site.visit("/webhooks?q=x");
  assert.equal(page.url(), `${site.url}/login?back=%2Fwebhooks%3Fq%3Dx`);
  await page.context().close();
});

test("a short password is refused with what was typed kept, and the summary has the focus", async () => {
  const page = await site.visit(site.welcome, { lang: "ro" });
  await page.fill("#name", NAME);
  await page.fill("#password", "scurtă");
  await page.click("main button[type=submit]");
  await arrived(page, "#error-summary");
  assert.equal(await page.inputValue("#name"), NAME);
  assert.equal(await page.inputValue("#password"), "");
  assert.equal(await page.evaluate(() => document.activeElement.id), "error-summary");
  await check(page, "welcome-refused-ro");
  await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  assert.equal(await page.evaluate(() => document.activeElement.id), "password");
  await page.context().close();
});

test("the first password is set without a script, and the link counts once", async () => {
  const page = await site.visit(site.welcome, { js: false });
  await page.fill("#name", NAME);
  await page.fill("#password", PASSWORD);
  await page.click("main button[type=submit]");
  assert.equal(page.url(), `${site.url}/`);
  cookies = await page.context().cookies();
  await check(page, "start-no-script");
  const response = await page.goto(site.welcome);
  assert.equal(response.status(), 410);
  await page.context().close();
});

test("the start page shows four steps of which none is done", async () => {
  await everyWay(site, "/", "start", cookies);
  const page = await site.visit("/", { cookies });
  assert.equal(await page.locator(".step").count(), 4);
  assert.equal(await page.locator(".step.done").count(), 0);
  await page.context().close();
});

test("logging out ends the session, also for whoever has a copy of its cookie", async () => {
  const page = await site.visit("/", { js: false, cookies });
  await page.click("details.drop:last-child summary");
  await page.click("#logout");
  assert.equal(page.url(), `${site.url}/login`);
  const copy = await site.visit("/", { cookies: cookies.filter((it) => it.name === "semnal_session") });
  assert.equal(copy.url(), `${site.url}/login`);
  await copy.context().close();
  await page.context().close();
});

test("a person logs in by keyboard only, in Romanian", async () => {
  const page = await site.visit("/webhooks", { lang: "ro" });
  await page.focus("#name");
  await page.keyboard.type(NAME.toUpperCase());
  await page.keyboard.press("Tab");
  await page.keyboard.type("nu este parola mea");
  await page.keyboard.press("Enter");
  await arrived(page, "#error-summary");
  await page.focus("#password");
  await page.keyboard.type(PASSWORD);
  await page.keyboard.press("Enter");
  await page.waitForURL(`${site.url}/webhooks`);
  cookies = await page.context().cookies();
  await page.keyboard.press("?");
  await page.waitForSelector("#keyboard-help[open]");
  await check(page, "keyboard-help-ro");
  await page.keyboard.press("Escape");
  await page.keyboard.press("g");
  await page.keyboard.press("s");
  await page.waitForURL(`${site.url}/`);
  await page.context().close();
});

test("theme and language are kept by the server and written into the next page", async () => {
  const page = await site.visit("/", { js: false, cookies });
  await page.click("summary[title=Theme]");
  await page.click("button[value=dark]");
  assert.equal(await page.getAttribute("html", "data-theme"), "dark");
  await page.click("summary[title=Language]");
  await page.click("button[value=ro]");
  assert.equal(await page.getAttribute("html", "lang"), "ro");
  assert.equal(await page.getAttribute("html", "data-theme"), "dark");
  assert.equal(page.url(), `${site.url}/`);
  await page.context().close();
});

test("times are written out in UTC for whoever wants it, by key and without a script", async () => {
  const page = await site.visit("/settings", { cookies });
  await site.api("GET", "/api/v1/app");
  await page.reload();
  const time = page.locator("td time").first();
  assert.match(await time.innerText(), /second|now/);
  await page.keyboard.press("u");
  await page.waitForSelector("td time[data-fixed]");
  assert.match(await time.innerText(), /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC$/);
  await check(page, "settings-utc");
  const plain = await site.visit("/settings", { js: false, cookies: await page.context().cookies() });
  await plain.click("main button[name=times][value=relative]");
  await plain.waitForSelector("td time:not([data-fixed])");
  await plain.context().close();
  await page.context().close();
});

test("the menu opens on a phone without a script", async () => {
  const page = await site.visit("/", { js: false, width: 390, cookies });
  assert.equal(await page.locator("nav.menu").isVisible(), false);
  await page.click(".menu-open");
  await check(page, "menu-390");
  await page.click("nav.menu a[href='/webhooks']");
  assert.equal(page.url(), `${site.url}/webhooks`);
  await page.context().close();
});

test("what does not exist is a page in the language of the person", async () => {
  await everyWay(site, "/nothing/here", "not-found", cookies);
});

test("every component passes on its own page", async () => {
  await everyWay(site, "/components", "components", cookies);
});

test("a lost password is replaced by a link from the command line", async () => {
  const link = await command("users", "reset-password", NAME, "--data-dir", site.data);
  const page = await site.visit(link, { lang: "ro" });
  await check(page, "reset-ro");
  await page.fill("#password", "altă parolă, mai nouă");
  await page.click("main button[type=submit]");
  await page.waitForURL(`${site.url}/`);
  const before = await site.visit("/", { cookies });
  assert.equal(before.url(), `${site.url}/login`, "the sessions of the old password have ended");
  await before.context().close();
  await page.context().close();
});
