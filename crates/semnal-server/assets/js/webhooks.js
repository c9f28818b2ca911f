
// ---- webhooks: finding and previewing events, and waiting for a test ----
document.addEventListener("input", (event) => {
  const box = event.target.closest("[data-filter]");
  if (!box) return;
  const wanted = box.value.trim().toLowerCase();
  let count = 0;
  for (const it of document.querySelectorAll(`${box.dataset.filter} [data-find]`)) {
    it.hidden = !it.dataset.find.toLowerCase().includes(wanted);
    count += it.hidden ? 0 : 1;
  }
  announce(`${box.dataset.found}: ${count}`);
});
document.addEventListener("keydown", (event) => {
  // Enter looks for events; it does not send the form.
  if (event.key === "Enter" && event.target.matches("[data-filter]")) event.preventDefault();
});
const offer = (name) => {
  const from = document.getElementById(`offer-${name}`);
  const to = find("#preview");
  if (!from || !to) return;
  const title = document.createElement("h3");
  title.textContent = from.dataset.title;
  to.replaceChildren(title, find(".offer-body", from).cloneNode(true));
};
const choose = (box) => {
  if (box.checked) {
    const chosen = find("#scope-chosen");
    if (chosen) chosen.checked = true;
    offer(box.value);
  }
};
document.addEventListener("change", (event) => {
  if (event.target.matches("#event-list input[name=event]")) choose(event.target);
  const all = event.target.closest("[data-all]");
  if (all) for (const it of document.querySelectorAll(`input[name=${all.dataset.all}]`)) it.checked = all.checked;
});
document.addEventListener("click", (event) => {
  const use = event.target.closest("[data-use]");
  const box = use && [...document.querySelectorAll("#event-list input[name=event]")].find((it) => it.value === use.value);
  if (!box) return;
  event.preventDefault();
  box.checked = true;
  choose(box);
  box.focus();
  box.scrollIntoView({ block: "center" });
});
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (!form.matches("[data-busy]")) return;
  // The same test is not sent twice by an impatient click.
  if (form.getAttribute("aria-busy") === "true") {
    event.preventDefault();
    event.stopImmediatePropagation();
    return;
  }
  form.setAttribute("aria-busy", "true");
  announce(form.dataset.busy);
}, true);
document.addEventListener("semnal:content", (event) => {
  find("#error-summary", event.detail)?.focus();
  if (find(".verdict", event.detail)) scrollTo(0, 0);
});
document.addEventListener("semnal:lost", () => {
  for (const form of document.querySelectorAll("[aria-busy]")) form.removeAttribute("aria-busy");
});
