"use strict";
(() => {
  const filters = document.getElementById("filters");
  const shown = document.getElementById("shown");
  const cards = [...document.querySelectorAll("article.card")];
  const texts = cards.map((card) => card.textContent.toLowerCase());
  const fields = { state: filters.querySelector("#f-state"), stage: filters.querySelector("#f-stage"),
    reason: filters.querySelector("#f-reason") };
  const search = filters.querySelector("#f-text");
  const apply = () => {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    let count = 0;
    cards.forEach((card, i) => {
      const fits = Object.entries(fields).every(([name, field]) => !field.value || card.dataset[name] === field.value)
        && words.every((word) => texts[i].includes(word));
      card.hidden = !fits;
      count += fits;
    });
    shown.value = `${count} of ${cards.length} shown`;
  };
  const reset = () => {
    Object.values(fields).forEach((field) => { field.value = ""; });
    search.value = "";
  };
  filters.addEventListener("input", apply);
  document.getElementById("f-reset").addEventListener("click", () => { reset(); apply(); });
  document.querySelectorAll("a[data-pick]").forEach((link) => link.addEventListener("click", () => {
    reset();
    fields.reason.value = link.dataset.pick;
    apply();
  }));
  filters.hidden = false;
  apply();
})();
