"use strict";
// Filters and enlarged pictures. Without this script every card is shown, and the filters are not.
for (const sheet of document.querySelectorAll(".remote-artwork")) {
  if (sheet.dataset.live) continue; // a page with two fragments has this script twice
  sheet.dataset.live = "yes";
  const cards = [...sheet.querySelectorAll(".card")];
  const form = sheet.querySelector(":scope > .filters");
  if (form) filterCards(form, sheet, cards);
  const dialog = sheet.querySelector(":scope > .enlarged");
  if (dialog) enlargePictures(dialog, sheet, cards);
}

function filterCards(form, sheet, cards) {
  const sections = [...sheet.querySelectorAll(".items > section")].filter((section) => section.querySelector(".card"));
  const rows = cards.map((card) => ({
    card,
    section: card.closest("section"),
    age: Number(card.dataset.age),
    text: card.dataset.text.toLowerCase(),
  }));
  const apply = () => {
    const chosen = new Set([...form.querySelectorAll("[name=status]:checked")].map((box) => box.value));
    const group = form.elements.group?.value;
    const age = Number(form.elements.age?.value ?? 0);
    const text = form.elements.text.value.trim().toLowerCase();
    const shown = new Map(sections.map((section) => [section, 0]));
    for (const row of rows) {
      const { card, section } = row;
      const fits =
        chosen.has(card.dataset.status) &&
        (!group || section.className === group) &&
        (!age || row.age > age) &&
        row.text.includes(text);
      if (card.hidden === fits) card.hidden = !fits;
      if (fits) shown.set(section, shown.get(section) + 1);
    }
    let sum = 0;
    for (const [section, count] of shown) {
      if (section.hidden === count > 0) section.hidden = !count;
      sum += count;
    }
    const [left, all] = [sum, cards.length].map((count) => count.toLocaleString("en"));
    form.querySelector("output").textContent = `${left} of ${all} ${cards.length === 1 ? "item" : "items"}`;
  };
  form.hidden = false;
  form.addEventListener("input", apply);
  form.addEventListener("submit", (event) => event.preventDefault());
  apply();
}

function enlargePictures(dialog, sheet, cards) {
  const buttons = [...sheet.querySelectorAll(".zoom")];
  const part = (selector) => dialog.querySelector(selector);
  const next = (all, from, step, fits) => {
    let at = from + step;
    while (at >= 0 && at < all.length && !fits(all[at])) at += step;
    return all[at];
  };
  const isShown = (element) => !element.closest(".card").hidden;
  const hasPicture = (card) => isShown(card) && card.querySelector(".zoom") !== null;
  const step = (by) => next(cards, cards.indexOf(current), by, hasPicture);
  let current = null;
  const setDouble = (on) => {
    part("[name=double]").setAttribute("aria-pressed", String(on));
    part(".pictures").classList.toggle("double", on);
  };
  const show = (card) => {
    current = card;
    const title = card.querySelector(".order").textContent.trim();
    part(".order").textContent = title;
    dialog.setAttribute("aria-label", title);
    part(".about").replaceChildren(
      ...[...card.querySelectorAll(".status, .reason, .print, .warning")].map((line) => line.cloneNode(true)),
    );
    part(".about").className = `about ${card.closest("section").className}`;
    const copies = [...card.querySelectorAll(".pictures > *")].map((picture) => picture.cloneNode(true));
    for (const copy of copies) copy.querySelector(".zoom")?.replaceWith(copy.querySelector("img"));
    part(".pictures").replaceChildren(...copies);
    part("[name=previous]").disabled = !step(-1);
    part("[name=next]").disabled = !step(1);
    setDouble(false);
  };
  const move = (by) => {
    const card = step(by);
    if (card) show(card);
  };
  for (const button of buttons) button.disabled = false;
  sheet.addEventListener("click", (event) => {
    const button = event.target.closest(".zoom");
    if (!button) return;
    show(button.closest(".card"));
    dialog.showModal();
  });
  sheet.addEventListener("keydown", (event) => {
    const from = buttons.indexOf(event.target);
    if (from < 0) return;
    const to = {
      ArrowRight: [from, 1],
      ArrowDown: [from, 1],
      ArrowLeft: [from, -1],
      ArrowUp: [from, -1],
      Home: [-1, 1],
      End: [buttons.length, -1],
    }[event.key];
    if (!to) return;
    event.preventDefault();
    next(buttons, ...to, isShown)?.focus();
  });
  dialog.addEventListener("click", (event) => {
    if (event.target.name === "previous") move(-1);
    if (event.target.name === "next") move(1);
    if (event.target.name === "double" || event.target.matches("img")) {
      setDouble(part("[name=double]").getAttribute("aria-pressed") === "false");
    }
  });
  dialog.addEventListener("keydown", (event) => {
    if (part(".pictures").classList.contains("double")) return; // the arrow keys scroll the picture
    if (event.key === "ArrowLeft") move(-1);
    if (event.key === "ArrowRight") move(1);
  });
  dialog.addEventListener("close", () => current.querySelector(".zoom").focus());
}
