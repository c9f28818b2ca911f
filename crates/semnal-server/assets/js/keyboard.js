
// ---- keys. They do nothing while somebody types, and can be switched off (WCAG 2.1.4) ----
const PLACES = { s: "/", h: "/dashboard", w: "/webhooks", e: "/events", d: "/deliveries", b: "/bins", c: "/catalogue" };
const typing = (target) => target.closest("input, textarea, select, [contenteditable]");
let waitsForPlace = 0;

const rows = () => [...document.querySelectorAll("[data-row]")].filter((row) => row.checkVisibility());
const current = () => find("[data-row][aria-current]");
const step = (by) => {
  const all = rows();
  if (!all.length) return;
  const at = all.indexOf(current());
  const next = all[Math.min(Math.max(at + by, 0), all.length - 1)];
  current()?.removeAttribute("aria-current");
  next.setAttribute("aria-current", "true");
  const focus = find("[data-open]", next) ?? find("a, button, input", next);
  focus?.focus();
  next.scrollIntoView({ block: "nearest" });
};
const press = (selector) => find(selector, current() ?? document)?.click();
const nextTheme = () => {
  const form = find("#theme-form");
  const all = [...form.querySelectorAll("button")];
  const at = all.findIndex((it) => it.value === root.dataset.theme);
  const chosen = all[(at + 1) % all.length];
  root.dataset.theme = chosen.value;
  for (const it of all) it.toggleAttribute("aria-current", it === chosen);
  announce(chosen.textContent);
  fetch(form.action, { method: "POST", body: new URLSearchParams(new FormData(form, chosen)) });
};
// In place: what the page shows once, and what somebody typed, stays.
const nextTimes = () => {
  const form = find("#times-form");
  if (!form) return;
  const button = find("button", form);
  fetch(form.action, { method: "POST", body: new URLSearchParams(new FormData(form, button)) });
  const utc = button.value === "utc";
  for (const time of document.querySelectorAll("time[datetime]:not([data-countdown])")) {
    const at = new Date(time.dateTime);
    if (utc) {
      time.dataset.fixed = "";
      time.title = time.textContent;
      time.textContent = `${at.toISOString().slice(0, 19).replace("T", " ")} UTC`;
    } else {
      delete time.dataset.fixed;
    }
  }
  tell();
  announce(button.textContent);
  [button.value, button.textContent, button.dataset.other] = [utc ? "relative" : "utc", button.dataset.other, button.textContent];
};
// A page that was replaced in part has an older address in its frame.
document.addEventListener("submit", (event) => {
  const back = event.target.closest(".preferences form") && find("[name=back]", event.target);
  if (back) back.value = here();
});
const escape = () => {
  if (location.hash === "#menu") location.hash = "";
  for (const open of document.querySelectorAll("details.drop[open]")) {
    open.open = false;
    find("summary", open).focus();
  }
};
const KEYS = {
  "?": () => find("#keyboard-help")?.showModal(),
  "/": () => (find("#search") ?? find("#q"))?.focus(),
  j: () => step(1),
  k: () => step(-1),
  t: nextTheme,
  u: nextTimes,
  x: () => press("input[type=checkbox]"),
  c: () => press("[data-copy]"),
  r: () => press("[data-resend]"),
  ".": () => find("[data-pause]")?.click(),
};
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") {
    if (!document.querySelector("dialog[open]")) escape();
    if (event.target.matches("input[type=search]")) event.target.blur();
    return;
  }
  const off = root.dataset.shortcuts === "off" || typing(event.target) || document.querySelector("dialog[open]");
  if (off || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  if (waitsForPlace > Date.now()) {
    waitsForPlace = 0;
    if (PLACES[event.key]) location.assign(PLACES[event.key]);
    return;
  }
  if (event.key === "g") {
    waitsForPlace = Date.now() + 1500;
    return;
  }
  const action = KEYS[event.key];
  if (action) {
    event.preventDefault();
    action();
  }
});
