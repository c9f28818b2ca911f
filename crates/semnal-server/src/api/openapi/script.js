// The page at /docs: opens what the address points to, and copies examples. Everything is readable without it.
"use strict";

function openTarget() {
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (target instanceof HTMLDetailsElement) {
    target.open = true;
    target.scrollIntoView();
  }
}

function addCopyButton(block) {
  const text = block.textContent;
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = "Copy";
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(text);
    button.textContent = "Copied";
  });
  block.append(button);
}

addEventListener("hashchange", openTarget);
openTarget();
if (navigator.clipboard) {
  document.querySelectorAll("pre").forEach(addCopyButton);
}
