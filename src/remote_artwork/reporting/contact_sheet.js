"use strict";
// Filters: without this script every card is shown, and the filters are not.
for (const form of document.querySelectorAll(".remote-artwork > .filters[hidden]")) {
  const sheet = form.parentElement;
  const cards = [...sheet.querySelectorAll(".card")];
  const sections = [...sheet.querySelectorAll(".items > section")].filter((section) => section.querySelector(".card"));
  const apply = () => {
    const chosen = new Set([...form.querySelectorAll("[name=status]:checked")].map((box) => box.value));
    const text = form.elements.text.value.trim().toLowerCase();
    let shown = 0;
    for (const card of cards) {
      card.hidden = !(chosen.has(card.dataset.status) && card.dataset.text.toLowerCase().includes(text));
      shown += card.hidden ? 0 : 1;
    }
    for (const section of sections) section.hidden = !section.querySelector(".card:not([hidden])");
    form.querySelector("output").textContent = `${shown} of ${cards.length} items`;
  };
  form.hidden = false;
  form.addEventListener("input", apply);
  form.addEventListener("submit", (event) => event.preventDefault());
  apply();
}
