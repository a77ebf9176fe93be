// The pages work without this file. It shows what a URL is recognized as while the merchant types, keeps the input when
// a check fails, and shows the progress of a scan.
"use strict";

const pause = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));

// Replaces the content of some elements with that of a new page. The elements themselves stay, so screen readers announce
// the change, and other input is kept.
function update(html, ...ids) {
  const page = new DOMParser().parseFromString(html, "text/html");
  for (const id of ids) {
    document.getElementById(id).replaceChildren(...page.getElementById(id).childNodes);
  }
}

function busy(form, isBusy) {
  const button = form.querySelector("button");
  button.disabled = isBusy;
  button.dataset.label ??= button.textContent;
  button.textContent = isBusy ? form.dataset.busy : button.dataset.label;
}

document.addEventListener("submit", (event) => setTimeout(() => event.defaultPrevented || busy(event.target, true)));
addEventListener("pageshow", (event) => event.persisted && location.reload());

const paste = document.getElementById("paste");
if (paste) {
  const recognized = document.getElementById("recognized");
  let latest = 0;
  paste.elements.url.addEventListener("input", async () => {
    const current = ++latest;
    await pause(200);
    if (current !== latest) return;
    const body = new URLSearchParams({ url: paste.elements.url.value });
    const response = body.get("url").trim() ? await fetch("/storage/recognized", { method: "POST", body }) : null;
    const text = response ? await response.text() : "";
    if (current === latest) recognized.innerHTML = text;
  });
  paste.addEventListener("submit", async (event) => {
    event.preventDefault();
    busy(paste, true);
    try {
      const response = await fetch(paste.action, { method: "POST", body: new URLSearchParams(new FormData(paste)) });
      update(await response.text(), "saved", "answer");
      if (response.ok) {
        paste.reset();
        recognized.replaceChildren();
        document.getElementById("main").focus();
        scrollTo(0, 0);
      }
    } finally {
      busy(paste, false);
    }
  });
}

async function followProgress() {
  const progress = document.getElementById("progress");
  while ("running" in progress.dataset) {
    const step = await (await fetch("/scan")).json();
    if (!step.running) {
      location.reload();
      return;
    }
    const bar = progress.querySelector("progress");
    progress.querySelector("span").textContent = step.text;
    if (step.total) {
      bar.max = step.total;
      bar.value = step.done;
    }
    await pause(300);
  }
}
if (document.getElementById("progress")) followProgress();
