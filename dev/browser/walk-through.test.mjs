// The walk-through that Semnal began with, from an empty data directory to the payload in the bin: by mouse and by
// keyboard, in both languages, with and without a script.

import assert from "node:assert/strict";
import { test } from "node:test";

import { NAME, PASSWORD, Site, arrived, picture } from "./console.mjs";

// Beyond this many steps a part of a page is out of reach for whoever has no mouse.
const TAB_MAX = 120;

/** What a person does with a page. */
class Hands {
  constructor(page) { this.page = page; }

  async write(selector, text) {
    await this.press(selector);
    await this.page.keyboard.type(text);
  }
}

class Mouse extends Hands {
  async press(selector) { await this.page.click(selector); }
  async tick(selector) { await this.page.click(selector); }
}

class Keyboard extends Hands {
  /** Goes on with the key that everybody knows until this has the focus. */
  async reach(selector) {
    await this.page.waitForLoadState();
    for (let steps = 0; steps < TAB_MAX; steps += 1) {
      if (await this.page.evaluate((wanted) => document.activeElement.matches(wanted), selector)) return;
      await this.page.keyboard.press("Tab");
    }
    assert.fail(`${selector} is not reached by ${TAB_MAX} tabs on ${this.page.url()}`);
  }

  async write(selector, text) {
    await this.reach(selector);
    await this.page.keyboard.type(text);
  }

  async press(selector) {
    await this.reach(selector);
    await this.page.keyboard.press("Enter");
  }

  async tick(selector) {
    await this.reach(selector);
    await this.page.keyboard.press("Space");
  }
}

const WORDS = {
  en: { add: "Add New Webhook", send: "Send Test Event", good: /^Delivered · 200 · [\d.,]+ ms$/, steps: "4 of 4 steps done" },
  ro: { add: "Adaugă webhook nou", send: "Trimite eveniment de test", good: /^Livrat · 200 · [\d.,]+ ms$/, steps: "4 pași din 4 făcuți" },
};

async function walk(hands, words, name) {
  const { page } = hands;
  let screen = 0;
  const show = (what) => picture(page, `walk-through-${name}-${screen += 1}-${what}`);
  const next = async (selector, expected) => {
    await hands.press(selector);
    await arrived(page, expected);
  };

  await show("welcome");
  await hands.write("#name", NAME);
  await hands.write("#password", PASSWORD);
  await next("main button[type=submit]", ".step.next");
  await show("start");

  await next(".step.next a", "form.bin-new");
  await next("form.bin-new button", ".bin-try");
  const url = await page.innerText("#bin-url");
  await show("bin");

  await next(".bin-try .button", "#webhook-form");
  assert.equal(await page.innerText("h1"), words.add);
  assert.equal(await page.inputValue("#url"), url);
  await hands.write("#name", "Payment");
  await hands.tick("#event-list input[value=payment_received]");
  await show("add-new-webhook");
  await next("#webhook-form .buttons .primary", ".next-step");
  await show("webhook");

  await next(".next-step .primary", "#send");
  assert.equal(await page.innerText("#send"), words.send);
  await show("send-test-event");
  await next("#send", ".verdict.good");
  assert.match((await page.innerText("#verdict")).replace(/\s+/g, " "), words.good);
  await show("verdict");

  await next(".verdict [data-lead]", "#reading");
  assert.match(await page.innerText(".request-target"), /^POST \/bin_/);
  assert.match(await page.innerText("#reading"), /payment_reference_code/);
  await show("captured-request");
  await next("a[href$='/verify']", "#webhook");
  await next("main form button.primary", ".banner.good");
  await show("verified");

  await next("nav.menu a[href='/']", ".step.done");
  assert.equal(await page.locator(".step.done").count(), 4);
  assert.equal(await page.innerText(".steps-head p"), words.steps);
  await show("done");
}

for (const lang of ["en", "ro"]) {
  for (const [way, Way] of [["mouse", Mouse], ["keyboard", Keyboard]]) {
    for (const js of [true, false]) {
      const name = `${way}-${lang}${js ? "" : "-no-script"}`;
      test(`from nothing to the payload in the bin: ${name}`, async () => {
        const site = await Site.start();
        try {
          const page = await site.visit(site.welcome, { lang, js });
          await walk(new Way(page), WORDS[lang], name);
        } finally {
          await site.stop();
        }
      });
    }
  }
}
