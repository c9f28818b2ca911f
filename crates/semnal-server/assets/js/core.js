// What the script adds to pages that work without it: fetched content, copying, dialogs, times, announcements.
const root = document.documentElement;
const find = (selector, from = document) => from.querySelector(selector);
root.classList.add("has-script");

// ---- saying things to those who do not see the screen ----
const live = find("#live");
const announce = (text) => {
  if (live && text) {
    live.textContent = "";
    requestAnimationFrame(() => { live.textContent = text; });
  }
};

// ---- times in the words of the browser, kept up to date ----
const words = new Intl.RelativeTimeFormat(root.lang, { numeric: "auto" });
const exact = new Intl.DateTimeFormat(root.lang, { dateStyle: "medium", timeStyle: "long" });
const UNITS = [["day", 86400], ["hour", 3600], ["minute", 60], ["second", 1]];
const relative = (seconds) => {
  const [unit, size] = UNITS.find(([, size]) => Math.abs(seconds) >= size) ?? ["second", 1];
  return words.format(Math.trunc(seconds / size), unit);
};
const tell = (from = document) => {
  for (const time of from.querySelectorAll("time[datetime]:not([data-fixed])")) {
    const at = new Date(time.dateTime);
    if (!Number.isNaN(at.getTime())) {
      time.textContent = relative((at.getTime() - Date.now()) / 1000);
      time.title = exact.format(at);
    }
  }
};
tell();
setInterval(() => { if (!document.hidden) tell(); }, 15000);

// ---- content that is replaced instead of a whole page ----
const parse = (text) => new DOMParser().parseFromString(text, "text/html");
const load = async (url, options = {}) => {
  const answer = await fetch(url, { ...options, headers: { "x-fragment": "content", ...options.headers } });
  if (answer.status === 401) {
    location.assign("/login?back=" + encodeURIComponent(location.pathname + location.search));
    return null;
  }
  return { url: answer.url, content: parse(await answer.text()).body };
};
const here = () => location.pathname + location.search;
let placed = here();
const place = (part) => {
  placed = here();
  const content = find("#content");
  const focused = document.activeElement;
  const inside = content.contains(focused);
  const wanted = inside && focused.id;
  content.replaceChildren(...part.content.childNodes);
  tell(content);
  const news = find("[data-announce]", content) ?? find("h1", content);
  announce(news?.textContent.trim());
  if (news?.matches("[data-announce]")) news.scrollIntoView({ block: "nearest" });
  const again = wanted && document.getElementById(wanted);
  if (again) {
    again.focus();
  } else if (inside || !document.contains(focused)) {
    content.focus({ preventScroll: true });
  }
  document.dispatchEvent(new CustomEvent("semnal:content", { detail: content }));
};
const swap = async (url, options) => {
  try {
    const part = await load(url, options);
    if (part) {
      const moved = new URL(part.url).pathname !== location.pathname;
      if (part.url !== location.href) history.pushState({}, "", part.url);
      place(part);
      if (moved) scrollTo(0, 0);
    }
  } catch {
    announce(live?.dataset.lost);
    document.dispatchEvent(new CustomEvent("semnal:lost"));
    if (!options) location.assign(url);
  }
};
addEventListener("popstate", async () => {
  // A link to a place of the same page, such as a field that needs a change: what was typed stays.
  if (here() === placed) return;
  const part = await load(location.href).catch(() => location.reload());
  if (part) place(part);
});

// ---- dialogs ----
const dialog = find("#dialog");
let opener = null;
const show = async (link) => {
  const part = await load(link.href).catch(() => null);
  const inner = part && find("[data-dialog-content]", part.content);
  if (!inner) {
    location.assign(link.href);
    return;
  }
  opener = link;
  dialog.replaceChildren(inner);
  dialog.showModal();
};
dialog?.addEventListener("close", () => {
  dialog.replaceChildren();
  if (opener && document.contains(opener)) opener.focus();
  opener = null;
});

// ---- what people press ----
const plainClick = (event) => event.button === 0 && !event.metaKey && !event.ctrlKey && !event.shiftKey && !event.altKey;
document.addEventListener("click", async (event) => {
  const copy = event.target.closest("[data-copy]");
  if (copy) {
    try {
      await navigator.clipboard.writeText(copy.dataset.copy);
      announce(live.dataset.copied);
      copy.classList.add("done");
      copy.title = live.dataset.copied;
    } catch {
      announce(live.dataset.lost);
    }
    return;
  }
  for (const open of document.querySelectorAll("details.drop[open]")) {
    if (!open.contains(event.target)) open.open = false;
  }
  const link = event.target.closest("a[href]");
  if (!link || !plainClick(event)) return;
  if (link.matches("[data-dismiss]") && dialog?.open) {
    event.preventDefault();
    dialog.close();
  } else if (link.matches("[data-dialog]")) {
    event.preventDefault();
    show(link);
  } else if (link.matches("[data-swap]")) {
    event.preventDefault();
    // The next page of a list begins at its top.
    swap(link.href).then(() => { if (link.rel) scrollTo(0, 0); });
  }
});
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (!form.matches("form[data-swap]")) return;
  event.preventDefault();
  const fields = new URLSearchParams(new FormData(form, event.submitter));
  if (dialog?.contains(form)) dialog.close();
  if (form.method === "get") {
    const url = new URL(form.action);
    // An address says what is asked for, and nothing else.
    url.search = new URLSearchParams([...fields].filter(([, value]) => value));
    swap(url.href);
  } else {
    swap(form.action, { method: "POST", body: fields });
  }
});
document.addEventListener("change", (event) => {
  if (event.target.matches("[data-submit]")) event.target.form.requestSubmit();
});

// ---- after an error, and when somebody comes by the link of a portal ----
find("#error-summary")?.focus();
const portal = find("#portal-form");
if (portal && location.hash.startsWith("#key=")) {
  portal.elements.key.value = decodeURIComponent(location.hash.slice(5));
  history.replaceState({}, "", location.pathname);
  portal.submit();
}
