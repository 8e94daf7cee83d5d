"use strict";
/* What is known of all rows, column by column, and which of them fit a state of the page, in which order. */
(() => {
  const rows = v2xum.rows = { count: 0, texts: [], textsLoaded: 0, columns: {} };
  const orders = new Map();
  const heads = [];

  const put = (start, chunk) => {
    for (const [name, values] of Object.entries(chunk)) {
      const column = rows.columns[name];
      for (let at = 0; at < values.length; at += 1) column[start + at] = values[at];
    }
  };

  v2xum.loadRows = async (progress) => {
    const { site } = v2xum, { columns } = rows;
    rows.count = site.rows;
    for (const name of ["id", "title", "lead", "scores"]) columns[name] = new Array(site.rows);
    for (const name of ["duration", "frames", "keyframes", "ratio", "share", "sheet"]) columns[name] = new Array(site.rows);
    for (const name of ["split", "licence", "language", "review", "problems", "by"]) columns[name] = new Int32Array(site.rows);
    for (const [number, start] of site.starts.rows.entries()) {
      put(start, (await v2xum.load("rows", number))[0]);
      progress(start);
    }
  };

  /* Load the texts to search through, a megabyte at a time, so that the page stays alive meanwhile. */
  let texts = null;
  v2xum.loadTexts = (progress) => {
    texts ??= (async () => {
      const { starts } = v2xum.site;
      for (const [number, start] of starts.texts.entries()) {
        const found = await v2xum.load("texts", number);
        for (let at = 0; at < found.length; at += 1) rows.texts[start + at] = found[at];
        rows.textsLoaded = start + found.length;
        progress(number === starts.texts.length - 1);
      }
    })();
    texts.catch(() => { texts = null; });
    return texts;
  };

  /* What a search looks through before the texts are there: id and title. */
  const head = (row) => {
    if (heads[row] === undefined) heads[row] = v2xum.fold(`${rows.columns.id[row]} ${rows.columns.title[row] ?? ""}`);
    return heads[row];
  };

  const last = (value, ascending) => (value === null || value === undefined ? Infinity : ascending ? value : -value);
  const byId = (left, right) => {
    const { id } = rows.columns;
    return id[left] < id[right] ? -1 : id[left] > id[right] ? 1 : left - right;
  };

  /* The numbers by which an order sorts, small ones first. */
  const keys = (sort) => {
    const { columns } = rows, [name, direction] = sort.split("-");
    const score = v2xum.site.scores.findIndex(([known]) => known === name);
    const values = score >= 0 ? columns.scores.map((all) => all[score]) : columns[name];
    const ascending = score >= 0 ? v2xum.site.scores[score][1] === "high" : direction !== "down";
    return Float64Array.from(values, (value) => last(value, ascending));
  };

  const known = (sort) => ["id", "duration", "duration-down", "ratio", "ratio-down"].includes(sort) || v2xum.site.scores.some(([name]) => name === sort);

  const order = (asked) => {
    const sort = known(asked) ? asked : "share";
    if (!orders.has(sort)) {
      const numbers = Array.from({ length: rows.count }, (_, row) => row);
      if (sort === "id") {
        numbers.sort(byId);
      } else {
        const by = keys(sort);
        numbers.sort((left, right) => (by[left] === by[right] ? byId(left, right) : by[left] < by[right] ? -1 : 1));
      }
      orders.set(sort, numbers);
    }
    return orders.get(sort);
  };

  /* Tests of single columns that a state asks for. */
  const tests = (state) => {
    const { columns } = rows, { site } = v2xum, found = [];
    for (const name of Object.keys(site.values)) {
      if (state[name]) {
        const code = site.values[name].findIndex(([value]) => value === state[name]), column = columns[name];
        found.push((row) => column[row] === code);
      }
    }
    const bit = site.problems.findIndex(([name]) => name === state.problem);
    if (state.problem === "any") found.push((row) => columns.problems[row] !== 0);
    else if (state.problem) found.push((row) => bit >= 0 && (columns.problems[row] >> bit & 1) === 1);
    const between = (low, high, value) => {
      const from = low === "" ? -Infinity : Number(low), to = high === "" ? Infinity : Number(high);
      if (low === "" && high === "") return;
      found.push((row) => {
        const number = value(row);
        return number !== null && number !== undefined && number >= from && number <= to;
      });
    };
    between(state.dmin, state.dmax, (row) => columns.duration[row]);
    const share = (text) => (text === "" ? "" : Number(text) / 100);
    between(share(state.rmin), share(state.rmax), (row) => columns.ratio[row]);
    const score = site.scores.findIndex(([name]) => name === state.score);
    if (score >= 0) between(state.smin, state.smax, (row) => columns.scores[row][score]);
    return found;
  };

  /* The numbers of all rows that fit, in the order that the state asks for. */
  v2xum.find = (state) => {
    const { wanted, refused } = v2xum.query(state.q), checks = tests(state), found = [];
    const { texts: all } = rows;
    search: for (const row of order(state.sort)) {
      for (const check of checks) if (!check(row)) continue search;
      if (wanted.length || refused.length) {
        const text = all[row] ?? head(row);
        for (const part of wanted) if (!text.includes(part)) continue search;
        for (const part of refused) if (text.includes(part)) continue search;
      }
      found.push(row);
    }
    return found;
  };

  v2xum.rowOf = (id) => rows.columns.id.indexOf(id);
})();
