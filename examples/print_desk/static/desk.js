// The pages work without this file. It tells what a URL is taken for while it is typed in, keeps what was typed in
// when a check fails, and shows how a scan goes on.
"use strict";

const pause = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));

// Puts the parts of a page that came just now in place of those that are shown. The parts themselves stay, so that
// screen readers hear of the change, and what was typed in elsewhere stays too.
function show(html, ...parts) {
  const page = new DOMParser().parseFromString(html, "text/html");
  for (const id of parts) {
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
  let typed = 0;
  paste.elements.url.addEventListener("input", async () => {
    const mine = ++typed;
    await pause(200);
    if (mine !== typed) return;
    const body = new URLSearchParams({ url: paste.elements.url.value });
    const answer = body.get("url").trim() ? await fetch("/storage/recognized", { method: "POST", body }) : null;
    const text = answer ? await answer.text() : "";
    if (mine === typed) recognized.innerHTML = text;
  });
  paste.addEventListener("submit", async (event) => {
    event.preventDefault();
    busy(paste, true);
    try {
      const answer = await fetch(paste.action, { method: "POST", body: new URLSearchParams(new FormData(paste)) });
      show(await answer.text(), "kept", "answer");
      if (answer.ok) {
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

async function follow() {
  const progress = document.getElementById("progress");
  while ("running" in progress.dataset) {
    const moment = await (await fetch("/scan")).json();
    if (!moment.running) {
      location.reload();
      return;
    }
    const bar = progress.querySelector("progress");
    progress.querySelector("span").textContent = moment.doing;
    if (moment.total) {
      bar.max = moment.total;
      bar.value = moment.done;
    }
    await pause(300);
  }
}
if (document.getElementById("progress")) follow();
