
// ---- news: a pill says how many events have come; the list changes only when somebody asks for it ----
let news = null;
let paused = false;
const listen = () => {
  news?.close();
  news = null;
  const box = find("[data-live]");
  if (!box || paused || document.hidden) return;
  news = new EventSource(box.dataset.live);
  news.addEventListener("news", (event) => {
    const pill = find(".news", box);
    const wasHidden = pill.hidden;
    pill.hidden = false;
    find("span", pill).textContent = event.data;
    if (wasHidden) announce(event.data);
  });
};
// A server that cannot stream is asked again every minute.
setInterval(() => { if (news?.readyState === EventSource.CLOSED) listen(); }, 60000);
document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-pause]");
  if (!button) return;
  paused = !paused;
  button.setAttribute("aria-pressed", String(paused));
  listen();
});
const prepare = () => {
  find("[data-pause]")?.setAttribute("aria-pressed", String(paused));
  listen();
};
document.addEventListener("semnal:content", prepare);
document.addEventListener("visibilitychange", listen);
prepare();

// ---- the time to the next attempt, second by second; when it is over the page is loaded once more ----
setInterval(() => {
  const time = find("[data-countdown]");
  if (!time || document.hidden) return;
  const left = Math.round((new Date(time.dateTime).getTime() - Date.now()) / 1000);
  if (left <= -2) {
    time.removeAttribute("data-countdown");
    if (!dialog?.open) swap(location.href);
  } else if (left < 86400) {
    const [h, m, s] = [left / 3600, left / 60 % 60, left % 60].map((it) => String(Math.max(0, Math.trunc(it))).padStart(2, "0"));
    time.textContent = h === "00" ? `${m}:${s}` : `${h}:${m}:${s}`;
  }
}, 1000);
