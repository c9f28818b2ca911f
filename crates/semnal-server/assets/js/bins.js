
// ---- the list of a bin, kept up to date: the stream says that something came, the list is fetched ----
let bin = null;
const refreshBin = async () => {
  const mine = bin;
  if (!mine) return;
  if (mine.busy) {
    mine.again = true;
    return;
  }
  mine.busy = true;
  try {
    const part = await load(`${mine.panel.dataset.list}&after=${find("#bin-list").dataset.last}`);
    const fresh = part && find("#bin-list", part.content);
    if (fresh && mine === bin) offerList(mine, fresh);
  } catch {
    // The stream comes back by itself, and with it the list.
  }
  mine.busy = false;
  if (mine.again) {
    mine.again = false;
    refreshBin();
  }
};
// Nothing moves under somebody who reads: it waits behind a button.
const isCalm = (mine) => {
  const list = find(".requests");
  return !mine.paused && (!list || (list.scrollTop < 8 && !list.contains(document.activeElement)));
};
const offerList = (mine, fresh) => {
  const news = find("#bin-news");
  const came = Number(fresh.dataset.new) > 0;
  if (isCalm(mine)) {
    showList(fresh);
  } else if (came) {
    mine.waiting = fresh;
    news.textContent = fresh.dataset.words;
    news.hidden = false;
  }
  if (came && Date.now() > mine.sayAt) {
    mine.sayAt = Date.now() + 5000;
    announce(fresh.dataset.words);
  }
};
const showList = (fresh) => {
  find("#bin-news").hidden = true;
  find("#bin-list").replaceWith(fresh);
  tell(fresh);
};
const listenToBin = () => {
  const panel = find("[data-live]");
  const before = bin;
  before?.source.close();
  bin = null;
  if (!panel || document.hidden) return;
  const paused = before?.panel.dataset.live === panel.dataset.live && before.paused;
  bin = { panel, paused, busy: false, again: false, waiting: null, sayAt: 0, source: new EventSource(panel.dataset.live) };
  find("[data-pause]", panel).setAttribute("aria-pressed", String(paused));
  const mine = bin;
  mine.source.addEventListener("bin", (event) => {
    const list = find("#bin-list");
    if (mine === bin && (event.data !== list.dataset.last || mine.told)) refreshBin();
    mine.told = true;
  });
};
document.addEventListener("click", (event) => {
  if (!bin) return;
  if (event.target.closest("#bin-news") && bin.waiting) {
    const list = bin.waiting;
    bin.waiting = null;
    showList(list);
    find("[data-open]")?.focus();
    find(".requests")?.scrollTo(0, 0);
  }
  const pause = event.target.closest("[data-pause]");
  if (pause) {
    bin.paused = !bin.paused;
    pause.setAttribute("aria-pressed", String(bin.paused));
    if (!bin.paused) refreshBin();
  }
});
let listAt = 0;
document.addEventListener("scroll", (event) => {
  if (event.target.matches?.(".requests")) listAt = event.target.scrollTop;
}, true);
document.addEventListener("semnal:content", () => {
  find(".requests")?.scrollTo(0, listAt);
  listenToBin();
});
document.addEventListener("visibilitychange", listenToBin);
setInterval(() => { if (bin && bin.source.readyState !== 1) refreshBin(); }, 60000);
listenToBin();
