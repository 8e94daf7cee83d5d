"use strict";
/* Starts the page, and carries it from state to state: by address, fields and keys. */
(() => {
  const at = (id) => document.getElementById(id);
  const title = document.title;
  let state = v2xum.first, found = [], shown = null, ready = false, returnTo = null, cameFrom = null, drawing = 0, pause = 0, toResults = false;

  v2xum.trouble = (error) => {
    at("trouble").textContent = error.message;
    at("trouble").hidden = false;
  };

  const say = () => {
    const all = v2xum.rows.count, { textsLoaded } = v2xum.rows;
    const searched = state.q && textsLoaded < all ? `; searched so far: ids and titles of all, texts of ${v2xum.percent(textsLoaded / Math.max(all, 1), 0)}` : "";
    const text = `${v2xum.thousands(found.length)} of ${v2xum.thousands(all)} samples${searched}`;
    if (at("status").textContent !== text) at("status").textContent = text;
  };

  const linkOf = (row) => v2xum.links().find((each) => each.dataset.row === String(row));

  const drawList = () => {
    const focused = document.activeElement?.dataset.row;
    found = v2xum.find(state);
    v2xum.showList(state, found);
    linkOf(focused)?.focus({ preventScroll: true });
    say();
  };

  const filtersOf = (one) => v2xum.hash({ ...one, id: "", page: "1" });

  const showList = (before) => {
    at("sample-view").hidden = true;
    at("list-view").hidden = at("search").hidden = false;
    document.title = title;
    shown = null;
    drawList();
    const first = toResults;
    toResults = false;
    if (first) firstResult().focus();
    else if (before.id !== "") focusOn(linkOf(returnTo) ?? firstResult());
    else if (before.page !== state.page && before !== v2xum.first && !document.activeElement?.dataset.field) {
      const link = linkOf(returnTo);
      if (link) focusOn(link);
      else {
        at("results-head").scrollIntoView({ block: "start" });
        firstResult().focus({ preventScroll: true });
      }
    }
  };

  const firstResult = () => v2xum.links()[0] ?? at("results-head");

  const focusOn = (element) => {
    element.focus({ preventScroll: true });
    (element.closest("li") ?? element).scrollIntoView({ block: "nearest" });
  };

  const showSample = async () => {
    const row = v2xum.rowOf(state.id), mine = drawing += 1;
    if (row < 0) {
      v2xum.trouble(new Error(`There is no sample ${state.id} in this release.`));
      const before = state;
      state = { ...state, id: "" };
      showList(before);
      return;
    }
    try {
      const draw = await v2xum.showSample(row, at("sample"));
      if (mine !== drawing) return;  // another sample was asked for meanwhile
      draw();
    } catch (error) {
      v2xum.trouble(error);
      return;
    }
    shown = returnTo = row;
    const place = found.indexOf(row);
    at("place").textContent = place < 0 ? "not among the samples found" : `${v2xum.thousands(place + 1)} of ${v2xum.thousands(found.length)}`;
    for (const [id, step] of [["before", -1], ["after", 1]]) {
      const other = place < 0 ? undefined : found[place + step];
      at(id).hidden = other === undefined;
      if (other !== undefined) at(id).href = v2xum.hash(near(other));
    }
    at("back").href = v2xum.hash({ ...near(row), id: "" });
    at("list-view").hidden = at("search").hidden = true;
    at("sample-view").hidden = false;
    document.title = `${at("sample-title").textContent} · ${title}`;
    scrollTo(0, 0);
    at("sample-title").focus({ preventScroll: true });
  };

  /* The state with another row open, and with the page of the list on which it is. */
  const near = (row) => {
    const place = found.indexOf(row), page = place < 0 ? state.page : String(Math.floor(place / v2xum.perPage) + 1);
    return { ...state, page, id: v2xum.rows.columns.id[row] };
  };

  const show = () => {
    if (!ready) return;
    const before = state;
    state = v2xum.read();
    at("trouble").hidden = true;
    v2xum.showFields(state, pause !== 0);
    if (state.q) loadTexts();
    if (state.id === "") {
      drawing += 1;  // a sample that is still loading is not wanted any more
      showList(before);
    } else {
      if (before.id === "") cameFrom = before === v2xum.first ? null : v2xum.hash(before);
      if (filtersOf(before) !== filtersOf(state) || !found.length) drawList();
      showSample();
    }
  };

  const back = () => {
    const list = { ...near(shown), id: "" };
    if (cameFrom === v2xum.hash(list)) history.back();
    else v2xum.go(list, true);
  };

  const loadTexts = () => v2xum.loadTexts((done) => {
    if (!state.q) return;
    if (done && state.id === "") drawList();
    else say();
  }).catch(v2xum.trouble);

  /* Fields change the state in place, after a moment without another key. */
  const change = (wait) => {
    clearTimeout(pause);
    pause = setTimeout(changed, wait);
  };

  const changed = () => {
    clearTimeout(pause);
    pause = 0;
    const next = v2xum.fieldState();
    if (v2xum.hash(next) === v2xum.hash({ ...state, id: "", page: "1" })) return false;
    v2xum.go(next, true);
    return true;
  };

  /* To the first result of what is typed, also where that was not looked for yet. */
  const enter = () => {
    toResults = pause !== 0 && changed();
    if (!toResults) firstResult().focus();
  };

  const step = (by) => {
    if (shown !== null) {
      const other = found[found.indexOf(shown) + by];
      if (found.includes(shown) && other !== undefined) v2xum.go(near(other), true);
      return;
    }
    const links = v2xum.links(), now = links.indexOf(document.activeElement);
    if (now < 0) {
      (linkOf(returnTo) ?? links[0])?.focus();
    } else if (links[now + by]) {
      links[now + by].focus();
    } else {
      const page = Math.min(Number(state.page), v2xum.pages(found)) + by;
      if (page >= 1 && page <= v2xum.pages(found)) {
        returnTo = found[by > 0 ? (page - 1) * v2xum.perPage : page * v2xum.perPage - 1];
        v2xum.go({ ...state, page: String(page) });
      }
    }
  };

  const search = () => {
    if (shown !== null) v2xum.go({ ...near(shown), id: "" });
    setTimeout(() => {  // after the list is shown
      at("q").focus();
      at("q").select();
    });
  };

  const keys = { j: () => step(1), k: () => step(-1), ArrowDown: () => step(1), ArrowUp: () => step(-1), "/": search };
  const besides = { ArrowRight: () => step(1), ArrowLeft: () => step(-1) };

  const pressed = (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    const field = event.target.closest("input, select, textarea");
    if (event.key === "Escape") {
      if (shown !== null) back();
      else if (field) firstResult().focus();
      else return;
    } else if (field) {
      if (field !== at("q") || !["ArrowDown", "Enter"].includes(event.key)) return;
      enter();
    } else if (shown !== null && event.key.startsWith("Arrow")) {
      if (!besides[event.key]) return;  // up and down scroll a sample
      besides[event.key]();
    } else if (keys[event.key]) {
      keys[event.key]();
    } else {
      return;
    }
    event.preventDefault();
  };

  const start = async () => {
    try {
      v2xum.site = await v2xum.load("site", 0);
      await v2xum.loadRows((rows) => { at("status").textContent = `loading: ${v2xum.thousands(rows)} of ${v2xum.thousands(v2xum.site.rows)} samples`; });
    } catch (error) {
      v2xum.trouble(error);
      return;
    }
    v2xum.fillFields();
    ready = true;
    show();
    document.documentElement.dataset.ready = "yes";
    const small = v2xum.site.textBytes < 8e6 || location.protocol === "file:";
    if (small && !navigator.connection?.saveData) (window.requestIdleCallback ?? setTimeout)(loadTexts);
  };

  addEventListener("hashchange", show);
  document.addEventListener("keydown", pressed);
  at("search").addEventListener("submit", (event) => { event.preventDefault(); change(0); });
  document.addEventListener("input", (event) => { if (event.target.dataset.field) change(event.target.type === "search" ? 80 : 0); });
  at("q").addEventListener("focus", loadTexts);
  at("reset").addEventListener("click", () => v2xum.go({ ...v2xum.first, sort: state.sort }));
  at("skip").addEventListener("click", (event) => {
    event.preventDefault();
    (shown === null ? firstResult() : at("sample-title")).focus();
  });
  at("pager").addEventListener("click", () => { returnTo = null; });
  at("back").addEventListener("click", (event) => { event.preventDefault(); back(); });
  const wide = matchMedia("(min-width: 900px)"), fold = () => { at("filters").open = wide.matches; };
  wide.addEventListener("change", fold);
  fold();
  start();
})();
