"use strict";
/* The fields by which people search, filter and sort: filled from the state, and read into one. */
(() => {
  const fields = () => document.querySelectorAll("[data-field]");
  const { make } = v2xum;

  const options = (name, values) => {
    const select = document.querySelector(`select[data-field="${name}"]`);
    for (const [value, text] of values) select.append(make("option", { value }, text));
  };

  v2xum.fillFields = () => {
    const { site } = v2xum;
    for (const [name, values] of Object.entries(site.values)) {
      options(name, values.map(([value, count]) => [value, `${value} (${v2xum.thousands(count)})`]));
    }
    const troubled = site.problems.filter(([, , count]) => count > 0);
    options("problem", troubled.map(([name, told, count]) => [name, `${told} (${v2xum.thousands(count)})`]));
    if (!troubled.length) document.querySelector('[data-field="problem"]').closest("label").hidden = true;
    const there = site.scores.filter((_, place) => v2xum.rows.columns.scores.some((all) => all[place] !== null));
    options("score", there.map(([name]) => [name, v2xum.words(name)]));
    options("sort", there.map(([name, good]) => [name, `${v2xum.words(name)}, ${good === "high" ? "lowest" : "highest"} first`]));
    if (!there.length) document.getElementById("by-score").hidden = true;
  };

  /* `typing`: the person changes a field just now, which stays as it is. */
  v2xum.showFields = (state, typing) => {
    for (const field of fields()) {
      const value = state[field.dataset.field];
      if (typing && field === document.activeElement) continue;
      if (field.value !== value) field.value = value;
      if (field.tagName === "SELECT" && field.value !== value) {
        if (value) field.append(make("option", { value }, `${value} (0)`));  // the address asks for what is not there
        field.value = value;
      }
    }
    const set = Object.keys(v2xum.first).filter((name) => !["q", "sort", "page", "id"].includes(name) && state[name] !== "");
    document.getElementById("filter-count").textContent = set.length ? ` (${set.length})` : "";
    document.getElementById("score-range").hidden = !state.score;
  };

  /* The state of the fields: on the first page of the list. */
  v2xum.fieldState = () => {
    const state = { ...v2xum.first };
    for (const field of fields()) state[field.dataset.field] = field.value;
    if (!state.score) state.smin = state.smax = "";
    return state;
  };
})();
