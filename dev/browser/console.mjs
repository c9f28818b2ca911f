// A server, a browser, and what every page must hold. See README.md.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtemp, mkdir, readFile, rm } from "node:fs/promises";
import { createRequire } from "node:module";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "../..");
const target = path.resolve(process.env.CARGO_TARGET_DIR ?? path.join(root, "target"));
const packages = process.env.SEMNAL_NODE_PACKAGES ?? path.join(target, "node");
const binary = process.env.SEMNAL_BIN ?? path.join(target, "debug", "semnal");
const screenshots = process.env.SEMNAL_SCREENSHOTS ?? path.join(target, "screenshots");
const require = createRequire(path.join(packages, "package.json"));
const { chromium } = require("playwright-core");
const axeSource = await readFile(require.resolve("axe-core/axe.min.js"), "utf8");

const START_MS = 30_000;
const STEP_MS = 15_000;
export const NAME = "ana@exemplu.ro";
export const PASSWORD = "patru cuvinte de păstrat";

const freePort = () =>
  new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once("error", reject);
    probe.listen(0, "127.0.0.1", () => {
      const { port } = probe.address();
      probe.close(() => resolve(port));
    });
  });

/** Runs a command of the binary to its end and returns what it printed. */
export const command = (...args) =>
  new Promise((resolve, reject) => {
    const child = spawn(binary, args, { env: environment(), stdio: ["ignore", "pipe", "inherit"] });
    let printed = "";
    child.stdout.on("data", (chunk) => { printed += chunk; });
    child.on("error", reject);
    child.on("close", (code) => (code === 0 ? resolve(printed.trim()) : reject(new Error(`semnal ended with ${code}`))));
  });

const environment = () =>
  Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("SEMNAL_")));

/** A running server and a browser. */
export class Site {
  static async start(extra = []) {
    const site = new Site();
    site.directory = await mkdtemp(path.join(tmpdir(), "semnal-browser-"));
    site.data = path.join(site.directory, "data");
    site.url = `http://127.0.0.1:${await freePort()}`;
    const listen = site.url.slice("http://".length);
    const help = await command("serve", "--help");
    const bins = help.includes("--bin-listen") ? ["--bin-listen", `127.0.0.1:${await freePort()}`] : [];
    const args = ["serve", "--listen", listen, "--data-dir", site.data, "--dev", "--json", ...bins, ...extra];
    site.log = "";
    site.process = spawn(binary, args, { env: environment(), stdio: ["ignore", "ignore", "pipe"] });
    site.process.stderr.on("data", (chunk) => { site.log += chunk; });
    try {
      await site.#ready();
      // Debian's browser; nothing of its own goes to the network.
      site.browser = await chromium.launch({
        executablePath: process.env.SEMNAL_CHROMIUM ?? "/usr/bin/chromium-headless-shell",
        args: ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-dev-shm-usage"],
      });
    } catch (error) {
      await site.stop();
      throw error;
    }
    return site;
  }

  /** Waits for the line in the log that ends the start. */
  #ready() {
    return new Promise((resolve, reject) => {
      const give = AbortSignal.timeout(START_MS);
      const fail = (why) => reject(new Error(`${why}:\n${this.log}`));
      const look = () => {
        this.welcome ??= this.log.match(/"link":"([^"]+)"/)?.[1];
        if (this.log.includes("semnal is ready") && this.welcome) resolve();
      };
      this.process.stderr.on("data", look);
      this.process.once("close", (code) => fail(`the server ended with ${code}`));
      give.addEventListener("abort", () => fail("the server was not ready in time"));
      look();
    });
  }

  async stop() {
    await this.browser?.close();
    if (this.process.exitCode === null) {
      const ended = new Promise((resolve) => this.process.once("close", resolve));
      this.process.kill("SIGTERM");
      assert.equal(await ended, 0, this.log);
    }
    assert.ok(!this.log.includes("panicked"), this.log);
    await rm(this.directory, { recursive: true, force: true });
  }

  /** Opens a page. `lang` and `theme` are what the browser asks for; cookies are those of a person who is logged in. */
  async visit(where, { lang = "en", theme = "light", width = 1280, js = true, cookies = [] } = {}) {
    const context = await this.browser.newContext({
      baseURL: this.url,
      colorScheme: theme,
      javaScriptEnabled: js,
      // Nothing is looked at half-way from one colour to another.
      reducedMotion: "reduce",
      locale: lang === "ro" ? "ro-RO" : "en-GB",
      viewport: viewport(width),
      serviceWorkers: "block",
    });
    context.setDefaultTimeout(STEP_MS);
    await context.addCookies(cookies);
    const page = await context.newPage();
    page.problems = [];
    page.on("pageerror", (error) => page.problems.push(String(error)));
    page.on("console", (message) => {
      // A page that answers 403 or 404 on purpose is no fault of the script's.
      if (message.type() === "error" && !message.text().startsWith("Failed to load resource")) {
        page.problems.push(message.text());
      }
    });
    await page.goto(where);
    return page;
  }

  /** Sets the password by the one-time link and returns the cookies. */
  async signedUp() {
    const page = await this.visit(this.welcome);
    await page.fill("#name", NAME);
    await page.fill("#password", PASSWORD);
    await page.click("main button[type=submit]");
    await page.waitForURL(`${this.url}/`);
    const cookies = await page.context().cookies();
    await page.context().close();
    return cookies;
  }

  /** Asks the API with a key of its own. */
  async api(method, where, body) {
    this.key ??= await command("keys", "create", "--name", "browser", "--data-dir", this.data);
    const answer = await fetch(this.url + where, {
      method,
      headers: { authorization: `Bearer ${this.key}`, "content-type": "application/json" },
      body: body && JSON.stringify(body),
    });
    const text = await answer.text();
    assert.ok(answer.ok, `${method} ${where}: ${answer.status} ${text}`);
    return text ? JSON.parse(text) : null;
  }
}

/** Waits for a page that has this, to its last line: what is counted before that may be a part of it. */
export async function arrived(page, selector) {
  await page.waitForSelector(selector);
  await page.waitForLoadState();
}

/** Every rule that the pages keep. */
const RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
/** The only rule whose verdict the theme can change. */
const CONTRAST = { type: "rule", values: ["color-contrast"] };

/** What no page may have, and its picture. */
export async function check(page, name) {
  await picture(page, name);
  await checkAxe(page, name, RULES);
}

/** Looks a page over without the rules of axe, and saves its picture. */
export async function picture(page, name) {
  await page.waitForLoadState();
  assert.deepEqual(page.problems, [], `${name}: the browser complains`);
  const found = await page.evaluate(lookOver);
  assert.deepEqual(found, [], `${name}: ${JSON.stringify(found)}`);
  await mkdir(screenshots, { recursive: true });
  await page.screenshot({ path: path.join(screenshots, `${name}.png`), fullPage: true });
}

async function checkAxe(page, name, runOnly) {
  const javaScript = await page.evaluate(() => document.documentElement.classList.contains("has-script"));
  if (!javaScript) return;
  // By the debugger's protocol, which the page's policy does not hold back; once a document.
  if (!await page.evaluate(() => "axe" in globalThis)) await page.evaluate(axeSource);
  const { violations } = await page.evaluate((rules) => globalThis.axe.run(document, { runOnly: rules, resultTypes: ["violations"] }), runOnly);
  const lines = violations.map((it) => `${it.id}: ${it.help}: ${it.nodes.map((node) => node.html + " " + node.failureSummary).join(" | ")}`);
  assert.deepEqual(lines, [], `${name}: axe`);
}

/** Runs in the page: returns what leaves it, is cut, is too small to hit, or has no translation. */
function lookOver() {
  const found = [];
  const wide = document.documentElement.scrollWidth - document.documentElement.clientWidth;
  if (wide > 0) {
    const edge = document.documentElement.clientWidth;
    const over = [...document.querySelectorAll("body *")].filter((it) => it.getBoundingClientRect().right > edge + 1);
    found.push(`the page is ${wide} px too wide: ${over.slice(-3).map((it) => it.outerHTML.slice(0, 120))}`);
  }
  if (/⟦/.test(document.body.innerText + document.title)) found.push("a text is missing: " + document.body.innerText.match(/⟦[^⟧]*⟧/)?.[0]);
  for (const it of document.querySelectorAll("main *, nav *, header *")) {
    if (!it.checkVisibility() || it.closest(".hidden, svg, pre, textarea, [title]")) continue;
    const style = getComputedStyle(it);
    const hasText = [...it.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
    if (hasText && style.overflowX !== "visible" && it.scrollWidth > it.clientWidth + 1 && it.tagName !== "SELECT") {
      found.push(`cut: ${it.outerHTML.slice(0, 120)}`);
    }
    if (it.matches("button, a, summary, input, select") && style.display !== "inline") {
      const box = it.getBoundingClientRect();
      const isBox = it.matches("input[type=checkbox], input[type=radio]");
      if (!isBox && box.width && (box.width < 24 || box.height < 24)) found.push(`too small: ${it.outerHTML.slice(0, 120)}`);
    }
  }
  return found;
}

/** Runs in the page: makes every text half as long again and more, the way a wordier language would. */
function lengthen() {
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const texts = [];
  while (walker.nextNode()) texts.push(walker.currentNode);
  for (const it of texts) {
    const words = it.textContent.trim();
    if (!words || it.parentElement.closest("[translate=no], pre, code, script, textarea, svg, option, time, kbd")) continue;
    const more = words.length < 12 ? words.length : Math.ceil(words.length / 2);
    it.textContent = `${it.textContent} ${"wörtlich länger ".repeat(10).slice(0, more)}`;
  }
}

// Each language with each theme, each width with each theme, each language with each width.
const PAIRS = [["en", 1280, "light"], ["en", 390, "dark"], ["ro", 390, "light"], ["ro", 1280, "dark"]];
const OTHERS = [["en", 1280, "dark"], ["en", 390, "light"], ["ro", 390, "dark"], ["ro", 1280, "light"]];
const WAYS = process.env.SEMNAL_EVERY_WAY ? [...PAIRS, ...OTHERS] : PAIRS;

/**
 * Checks a page in both languages, both themes, and wide and narrow: every pair of these, and with SEMNAL_EVERY_WAY all
 * eight. The theme can change no more than the contrast.
 */
export async function everyWay(site, where, name, cookies = []) {
  for (const lang of ["en", "ro"]) {
    const page = await site.visit(where, { lang, cookies });
    assert.equal(await page.getAttribute("html", "lang"), lang);
    for (const [, width, theme] of WAYS.filter((it) => it[0] === lang)) {
      await page.setViewportSize(viewport(width));
      await page.emulateMedia({ colorScheme: theme });
      const way = `${name}-${lang}-${theme}-${width}`;
      await picture(page, way);
      await checkAxe(page, way, theme === "light" ? RULES : CONTRAST);
    }
    if (lang === "en") await checkLong(page, name);
    await page.context().close();
  }
}

async function checkLong(page, name) {
  await page.evaluate(lengthen);
  for (const width of [390, 1280]) {
    await page.setViewportSize(viewport(width));
    await picture(page, `${name}-long-${width}`);
  }
}

const viewport = (width) => ({ width, height: width < 600 ? 844 : 800 });
