// Request bins: made in one click, watched while requests come, read in every way, and safe to read whatever they caught.

import assert from "node:assert/strict";
import { connect } from "node:net";
import { after, before, test } from "node:test";
import { gzipSync } from "node:zlib";

import { Site, arrived, check, everyWay } from "./console.mjs";

const TABS = ["tree", "pretty", "raw", "hex", "form", "headers", "query"];
let site;
let cookies;

before(async () => {
  site = await Site.start();
  cookies = await site.signedUp();
});
after(async () => { await site?.stop(); });

const made = (name) => site.api("POST", "/api/v1/bin", { name });
const caught = async (url, options = {}) => {
  const answer = await fetch(url, { method: "POST", ...options });
  await answer.text();
  return answer;
};

/** Sends bytes as they are and waits for the answer, so that they are captured. */
const sendRaw = (url, bytes) =>
  new Promise((resolve, reject) => {
    const { hostname, port } = new URL(url);
    const socket = connect(Number(port), hostname, () => socket.write(bytes));
    let answer = "";
    socket.on("data", (chunk) => {
      answer += chunk;
      if (answer.includes("\r\n\r\n")) socket.destroy();
    });
    socket.on("close", () => resolve(answer.split("\r\n")[0]));
    socket.on("error", reject);
  });

test("without bins the list says how to make one, and one click makes it", async () => {
  await everyWay(site, "/bins", "bins-empty", cookies);
  const page = await site.visit("/bins", { cookies });
  await page.click("text=Create a bin");
  await page.waitForURL(/\/bins\/bin_/);
  assert.match(await page.innerText("h1"), /Request bin 1/);
  assert.match(await page.innerText(".flash"), /is ready/);
  await check(page, "bin-created");
  const url = await page.innerText("#bin-url");
  assert.match(url, /^http:\/\/127\.0\.0\.1:\d+\/bin_/);
  await page.context().close();
  await everyWay(site, new URL(page.url()).pathname, "bin-empty", cookies);
});

test("a name that is too long is refused with what was typed, without a script", async () => {
  const page = await site.visit("/bins", { js: false, lang: "ro", cookies });
  await page.fill("#name", "x".repeat(300));
  await page.click("main form.bin-new button");
  assert.equal(await page.inputValue("#name"), "x".repeat(300));
  assert.match(await page.innerText("#error-summary"), /Numele nu poate fi folosit/);
  await page.fill("#name", "Comenzi");
  await page.click("main form.bin-new button");
  assert.equal(await page.innerText("h1"), "Comenzi");
  await page.context().close();
});

test("what arrives shows at once, newest first, and the list counts what is unread", async () => {
  const bin = await made("Un coș cu un nume destul de lung ca să nu încapă pe un rând îngust de telefon");
  await caught(`${bin.url}/orders?x=1`, { headers: { authorization: "Bearer sk_live_51H8xJ2eZvKYlo2C", "x-shop": "7" }, body: "{\"before\":true}" });
  const page = await site.visit(`/bins/${bin.id}`, { cookies });
  await page.waitForSelector(".requests li");
  await caught(`${bin.url}/paid`, {
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ payment_id: 12345678, status: "completed", customer: { name: "Ștefan", tags: ["a", "b"], empty: {} }, ok: true, none: null }),
  });
  await page.waitForSelector(".requests li:nth-child(2)");
  assert.match(await page.innerText(".requests li:first-child"), /POST\s*\/paid/);
  await page.waitForFunction(() => document.querySelector("#live").textContent.includes("1 new request"));
  await caught(`${bin.url}/unread`);
  const list = await site.visit("/bins", { cookies });
  assert.match(await list.locator("tr", { hasText: "Un coș cu un nume" }).innerText(), /3 new/);
  await list.context().close();
  await page.context().close();
  await everyWay(site, "/bins", "bins", cookies);
  await everyWay(site, `/bins/${bin.id}`, "bin", cookies);
  await everyWay(site, `/bins/${bin.id}/requests/2`, "bin-request", cookies);
});

test("somebody who reads is not disturbed: news wait behind a button, and can be paused", async () => {
  const bin = await made("Calm");
  await caught(`${bin.url}/1`);
  const page = await site.visit(`/bins/${bin.id}`, { cookies });
  await page.focus(".requests a");
  await caught(`${bin.url}/2`);
  await page.waitForSelector("#bin-news:not([hidden])");
  assert.equal(await page.innerText("#bin-news"), "1 new request");
  assert.equal(await page.locator(".requests li").count(), 1);
  await check(page, "bin-news");
  await page.click("#bin-news");
  assert.equal(await page.locator(".requests li").count(), 2);
  assert.equal(await page.evaluate(() => document.activeElement.closest("li") === document.querySelector(".requests li")), true);
  await page.evaluate(() => document.activeElement.blur());
  await page.keyboard.press(".");
  assert.equal(await page.getAttribute("[data-pause]", "aria-pressed"), "true");
  await caught(`${bin.url}/3`);
  await page.waitForSelector("#bin-news:not([hidden])");
  await page.keyboard.press(".");
  await page.waitForSelector(".requests li:nth-child(3)");
  await page.context().close();
});

test("secrets are masked until somebody asks, and a request is walked by keyboard and without a script", async () => {
  const bin = await made("Secrets");
  await caught(bin.url, { headers: { authorization: "Bearer sk_live_51H8xJ2eZvKYlo2C", cookie: "semnal_session=of-somebody-else-1234" } });
  const path = `/bins/${bin.id}/requests/1?tab=headers`;
  for (const js of [true, false]) {
    const page = await site.visit(path, { js, cookies });
    const secret = page.locator(".pairs > div", { hasText: "authorization" });
    assert.match(await secret.innerText(), /Bearer ••••••••lo2C/);
    assert.doesNotMatch(await secret.innerText(), /sk_live/);
    await secret.locator("summary").click();
    assert.match(await secret.innerText(), /sk_live_51H8xJ2eZvKYlo2C/);
    assert.doesNotMatch(await page.content(), /of-somebody-else/, "a session of the console is nobody's to reveal");
    if (js) await check(page, "bin-headers");
    await page.context().close();
  }
  const page = await site.visit(`/bins/${bin.id}`, { js: false, width: 390, cookies });
  await page.click(".requests a");
  assert.match(page.url(), /requests\/1$/);
  await check(page, "bin-request-no-script-390");
  await page.click(".inbox-back a");
  assert.equal(new URL(page.url()).pathname, `/bins/${bin.id}`);
  await page.context().close();
});

test("search, deleting, emptying, renaming and deleting a bin say what they did", async () => {
  const bin = await made("Manage");
  for (const n of [1, 2, 3]) await caught(`${bin.url}/n${n}`, { body: `number ${n}` });
  const page = await site.visit(`/bins/${bin.id}`, { cookies });
  await page.fill("#q", "NUMBER 2");
  await page.press("#q", "Enter");
  await page.waitForFunction(() => document.querySelectorAll(".requests li").length === 1);
  await page.fill("#q", "nothing like that");
  await page.press("#q", "Enter");
  await page.waitForSelector(".empty.no-match");
  await check(page, "bin-no-match");
  await page.goto(`/bins/${bin.id}/requests/2`);
  await page.click(".inbox-item .button.danger");
  await arrived(page, ".flash.good");
  assert.equal(await page.locator(".requests li").count(), 2);
  await page.goto(`/bins/${bin.id}/edit`);
  await check(page, "bin-edit");
  await page.fill("#name", "");
  await page.selectOption("#expiry", "at");
  await page.fill("#expires_at", "2020-01-01T00:00");
  await page.click("main button.primary");
  await page.waitForSelector("#error-summary");
  assert.equal(await page.inputValue("#expires_at"), "2020-01-01T00:00");
  await check(page, "bin-edit-refused");
  await page.fill("#name", "Renamed");
  await page.selectOption("#expiry", "use");
  await page.click("main button.primary");
  await page.waitForSelector(".flash.good");
  assert.equal(await page.innerText("h1"), "Renamed");
  await page.click("a[href$='/empty']");
  await page.waitForSelector("#dialog[open]");
  await check(page, "bin-ask-empty");
  await page.click("#dialog button");
  await page.waitForSelector(".empty.nothing");
  await page.click("a[href$='/delete']");
  await page.click("#dialog[open] button");
  await page.waitForURL(`${site.url}/bins`);
  assert.match(await page.innerText(".flash"), /Renamed is deleted/);
  await page.context().close();
});

test("a delivery is linked, its signature verified, and a wrong secret says why it fails", async () => {
  const bin = await made("Deliveries");
  const there = "/api/v1/app/default";
  const endpoint = await site.api("POST", `${there}/endpoint`, { url: `${bin.url}/hook`, description: "To the bin" });
  await site.api("POST", `${there}/msg`, { eventType: "payment_received", payload: { payment_id: 7 } });
  await site.api("GET", `/api/v1/bin/${bin.id}/wait?after=0`);
  const page = await site.visit(`/bins/${bin.id}/requests/1`, { cookies });
  assert.match(await page.getAttribute(".request-facts a[href^='/events/']", "href"), /^\/events\/msg_/);
  assert.match(await page.getAttribute(".request-facts a[href^='/deliveries/']", "href"), new RegExp(`/${endpoint.id}$`));
  await page.click("a[href$='/verify']");
  await page.click("main button.primary");
  await page.waitForSelector(".banner.good");
  await check(page, "bin-verify-good");
  await page.fill("#secret", "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD");
  await page.click("main button.primary");
  await page.waitForSelector(".banner.bad");
  assert.equal(await page.inputValue("#secret"), "");
  assert.match(await page.innerText("main"), /Signature of this secret/);
  await check(page, "bin-verify-bad");
  await page.fill("#secret", "x");
  await page.click("main button.primary");
  await page.waitForSelector("#error-summary");
  await page.context().close();
  await everyWay(site, `/bins/${bin.id}/requests/1/verify`, "bin-verify", cookies);
});

test("a request is copied, sent again with a verdict against the time before, and compared", async () => {
  const bin = await made("Tools");
  const target = await made("Target");
  await caught(`${bin.url}/a`, { headers: { "content-type": "application/json", "x-api-key": "very-long-secret-value" }, body: '{"n":1,"same":true}' });
  await caught(`${bin.url}/a`, { headers: { "content-type": "application/json", "x-api-key": "very-long-secret-walue" }, body: '{"n":2,"same":true}' });
  const at = `/bins/${bin.id}/requests/2`;
  await everyWay(site, `${at}/copy?shell=powershell`, "bin-copy", cookies);
  await everyWay(site, `${at}/diff`, "bin-diff", cookies);
  const page = await site.visit(`${at}/diff`, { cookies });
  assert.match(await page.innerText(".diff"), /−\s+"n": 1,[^]*\+\s+"n": 2,/);
  assert.doesNotMatch(await page.innerText(".diff"), /secret-/);
  await page.goto(`${at}/replay`);
  await page.fill("#url", "not a url");
  await page.click("main button.primary");
  await page.waitForSelector("#error-summary");
  await check(page, "bin-replay-refused");
  await page.fill("#url", `${target.url}/again`);
  await page.fill("#body", '{"n":3}');
  await page.click("main button.primary");
  await page.waitForSelector(".banner.good");
  assert.match(await page.innerText(".banner"), /Delivered · 200/);
  await check(page, "bin-replay-good");
  const got = await site.api("GET", `/api/v1/bin/${target.id}/request/1`);
  assert.equal(Buffer.from(got.bodyBase64, "base64").toString(), '{"n":3}');
  assert.ok(got.headers.some(([name, value]) => name === "x-api-key" && value === "very-long-secret-walue"));
  await page.goto(`/bins/${target.id}/response`);
  await page.fill("#status", "503");
  await page.click("main button.primary");
  await page.waitForSelector(".flash.good");
  await page.goto(`${at}/replay`);
  for (const before of ["", "The same as the time before: 503."]) {
    await page.fill("#url", target.url);
    await page.click("main button.primary");
    await page.waitForSelector(`.banner.bad${before && ` >> text=${before}`}`);
  }
  await page.context().close();
  await everyWay(site, `${at}/replay`, "bin-replay", cookies);
  await everyWay(site, `/bins/${target.id}/response`, "bin-response", cookies);
});

test("what a bin answers is refused as the API refuses it, with every value kept", async () => {
  const bin = await made("Answers");
  const page = await site.visit(`/bins/${bin.id}/response`, { lang: "ro", cookies });
  await page.fill("#status", "99");
  await page.fill("#headers", "Set-Cookie: a=b");
  await page.fill("#delay_ms", "mult");
  await page.selectOption("#fault", "status");
  await page.click("main button.primary");
  await arrived(page, "#error-summary");
  assert.equal(await page.locator("#error-summary li").count(), 4);
  assert.equal(await page.inputValue("#headers"), "Set-Cookie: a=b");
  await check(page, "bin-response-refused-ro");
  await page.fill("#status", "201");
  await page.fill("#headers", "X-A: 1");
  await page.fill("#delay_ms", "0");
  await page.selectOption("#fault", "");
  await page.fill("#body", "salut\nlume");
  await page.click("main button.primary");
  await page.waitForSelector(".flash.good");
  const answer = await fetch(bin.url);
  assert.deepEqual([answer.status, answer.headers.get("x-a"), await answer.text()], [201, "1", "salut\nlume"]);
  await page.context().close();
});

/** What strangers may send. Each would set a mark, load something or break the page, if it were more than data. */
const evil = '<script>globalThis.canary=1;alert(1)</script><img src="http://canary.invalid/x" onerror="globalThis.canary=1"><svg onload="globalThis.canary=1">';
const hostile = (url) => {
  const { pathname, host } = new URL(url);
  const head = (target, lines = [], body = "") =>
    Buffer.concat([Buffer.from(`POST ${target} HTTP/1.1\r\nhost: ${host}\r\ncontent-length: ${body.length}\r\n${lines.join("\r\n")}${lines.length ? "\r\n" : ""}\r\n`, "latin1"), Buffer.from(body)]);
  const deep = "[".repeat(10_000);
  const bomb = gzipSync(Buffer.alloc(50 * 1024 * 1024));
  return {
    html: head(pathname, ["content-type: text/html"], Buffer.from(evil)),
    svg: head(pathname, ["content-type: image/svg+xml"], Buffer.from(`<svg xmlns="http://www.w3.org/2000/svg"><script>globalThis.canary=1</script></svg>`)),
    json: head(pathname, ["content-type: application/json"], Buffer.from(JSON.stringify({ [evil]: evil, "</div></details><script>globalThis.canary=1</script>": ["</pre>", "\u202e"] }))),
    form: head(pathname, ["content-type: application/x-www-form-urlencoded"], Buffer.from(`${encodeURIComponent(evil)}=${encodeURIComponent(evil)}&a=%00%ff`)),
    headers: Buffer.concat([
      Buffer.from(`POST ${pathname}?q=${encodeURIComponent(evil)} HTTP/1.1\r\nhost: ${host}\r\nx-evil: ${evil}\r\nx-bytes: `),
      Buffer.from([0xff, 0xc3, 0x28, 0x1b, 0x5b, 0x33, 0x31, 0x6d]),
      Buffer.from("\r\nx-bidi: \u202egnp.exe\u200b\r\ncookie: a=<script>globalThis.canary=1</script>\r\n\r\n"),
    ]),
    crlf: Buffer.from(`POST ${pathname}/%0d%0aset-cookie:x=1 HTTP/1.1\r\nhost: ${host}\r\nx: a\rb\r\n folded <b>\r\n\r\n`),
    many: head(pathname, Array.from({ length: 200 }, (_, n) => `x-${n}: ${"v".repeat(n)}`)),
    absolute: head(`http://canary.invalid${pathname}/x?y=<script>globalThis.canary=1</script>`),
    odd: head(`${pathname}//..//%2e%2e/\u00ff?a[]=1#<img/src=http://canary.invalid/y>`),
    deep: head(pathname, ["content-type: application/json"], Buffer.from(deep)),
    nested: head(pathname, ["content-type: application/json"], Buffer.from('{"a":'.repeat(10_000) + "1" + "}".repeat(10_000))),
    broken: head(pathname, ["content-type: application/json"], Buffer.from([0x7b, 0x22, 0xff, 0xfe, 0x22, 0x3a, 0x31, 0x7d])),
    bomb: head(pathname, ["content-type: application/json", "content-encoding: gzip"], bomb),
    long: head(pathname, ["content-type: application/json"], Buffer.from(JSON.stringify(Array.from({ length: 50_000 }, (_, n) => n)))),
    method: Buffer.from(`<B>${"M".repeat(300)} ${pathname} HTTP/1.1\r\nhost: ${host}\r\n\r\n`),
  };
};

test("hostile requests are data in every reading: nothing runs, nothing is fetched, the page stays usable", async () => {
  const bin = await made("Hostile <script>globalThis.canary=1</script>");
  const names = [];
  for (const [name, bytes] of Object.entries(hostile(bin.url))) {
    const line = await sendRaw(bin.url, bytes);
    assert.match(line, /^HTTP\/1\.1 (200|400)/, name);
    names.push(name);
  }
  const { data } = await site.api("GET", `/api/v1/bin/${bin.id}/request?limit=100`);
  assert.equal(data.length, names.length, "everything was captured");
  const page = await site.visit("/bins", { cookies });
  const elsewhere = [];
  const dialogs = [];
  page.on("request", (request) => { if (!request.url().startsWith(site.url)) elsewhere.push(request.url()); });
  page.on("dialog", (dialog) => { dialogs.push(dialog.message()); dialog.dismiss(); });
  await page.addInitScript(() => {
    globalThis.violations = [];
    addEventListener("securitypolicyviolation", (event) => globalThis.violations.push(event.blockedURI + event.violatedDirective));
  });
  const look = async (where, what) => {
    const started = Date.now();
    await page.goto(where);
    assert.ok(Date.now() - started < 10_000, `${what} took ${Date.now() - started} ms`);
    const seen = await page.evaluate(() => ({
      canary: globalThis.canary, violations: globalThis.violations,
      foreign: document.querySelectorAll("main script, main img, main iframe, main object, main embed, main style, main svg:not(.icon)").length,
      menu: document.querySelectorAll("nav.menu a").length, wide: document.documentElement.scrollWidth - document.documentElement.clientWidth,
    }));
    assert.deepEqual(seen, { canary: undefined, violations: [], foreign: 0, menu: seen.menu, wide: 0 }, what);
    assert.ok(seen.menu > 4 && await page.locator("h1").count() === 1, `${what}: the page around it is whole`);
  };
  for (const [index, name] of names.entries()) {
    const number = index + 1;
    for (const tab of TABS) await look(`/bins/${bin.id}/requests/${number}?tab=${tab}`, `${name}, ${tab}`);
    // All of them with SEMNAL_EVERY_WAY; else those whose method, path, headers or body are the oddest.
    if (!process.env.SEMNAL_EVERY_WAY && !["html", "headers", "odd", "bomb", "method"].includes(name)) continue;
    for (const rest of ["/copy", "/copy?shell=powershell", "/copy?shell=httpie", "/copy?shell=raw", "/verify", "/replay", "/diff", "/diff?with=1"]) {
      if (number === 1 && rest === "/diff?with=1") continue;
      await look(`/bins/${bin.id}/requests/${number}${rest}`, `${name}, ${rest}`);
    }
  }
  await look("/bins", "the list");
  assert.deepEqual({ elsewhere, dialogs, problems: page.problems }, { elsewhere: [], dialogs: [], problems: [] });
  const at = (name) => names.indexOf(name) + 1;
  await page.goto(`/bins/${bin.id}/requests/${at("headers")}?tab=headers`);
  assert.match(await page.innerText(".pairs"), /\\u\{202e\}gnp\.exe\\u\{200b\}/);
  assert.match(await page.innerText(".pairs"), /\\xff/);
  await check(page, "bin-hostile-headers");
  await page.goto(`/bins/${bin.id}/requests/${at("nested")}`);
  assert.match(await page.innerText("#reading"), /nested deeper than 32 levels/);
  await check(page, "bin-hostile-nested");
  await page.goto(`/bins/${bin.id}/requests/${at("bomb")}?tab=pretty`);
  assert.match(await page.innerText("#reading"), /compressed and is very large/);
  for (const [name, tab] of [["html", "raw"], ["json", "tree"], ["long", "tree"], ["many", "headers"], ["method", "headers"], ["bomb", "hex"]]) {
    await page.goto(`/bins/${bin.id}/requests/${at(name)}?tab=${tab}`);
    await check(page, `bin-hostile-${name}`);
  }
  // What is downloaded is a file, and never a page of this origin.
  const file = await page.context().request.get(`${site.url}/bins/${bin.id}/requests/${at("html")}/raw`);
  assert.match(file.headers()["content-disposition"], /^attachment/);
  assert.equal(file.headers()["content-security-policy"], "sandbox");
  await page.context().close();
});

test("a page with 500 requests keeps up with a burst of 300 while it is open", async () => {
  const bin = await made("Busy");
  const burst = async (count) => {
    for (let done = 0; done < count; done += 50) {
      await Promise.all(Array.from({ length: 50 }, (_, n) => caught(`${bin.url}/n${done + n}`, { body: `{"n":${n},"pad":"${"x".repeat(2_000)}"}` })));
    }
  };
  await burst(500);
  const page = await site.visit(`/bins/${bin.id}`, { cookies });
  assert.equal(await page.locator(".requests li").count(), 50);
  let fetches = 0;
  page.on("request", (request) => { if (request.url().includes("/list?")) fetches += 1; });
  const started = Date.now();
  await burst(300);
  await page.waitForFunction(() => document.querySelector("#bin-list").dataset.last === "800");
  const seconds = (Date.now() - started) / 1000;
  assert.ok(fetches <= 4 * seconds + 2, `${fetches} fetches in ${seconds} s`);
  assert.match(await page.innerText("#bin-list"), /800 requests of 1,000 at most/);
  await check(page, "bin-busy");
  await page.click("text=Older");
  await page.waitForSelector("text=Newest");
  await page.context().close();
});

test("the walk-through ticks off the bin and what it caught, and leads to it", async () => {
  const page = await site.visit("/", { cookies });
  const steps = page.locator(".step");
  assert.match(await steps.nth(0).getAttribute("class"), /done/);
  assert.match(await steps.nth(3).getAttribute("class"), /done/);
  assert.match(await steps.nth(3).locator("a").getAttribute("href"), /^\/bins\/bin_/);
  await page.context().close();
});
