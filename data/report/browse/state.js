"use strict";
/* The state of the page: it stands in the address behind #, so that it can be shared, and that Back works. */
(() => {
  const first = {
    q: "", split: "", language: "", licence: "", review: "", problem: "", dmin: "", dmax: "", rmin: "", rmax: "",
    score: "", smin: "", smax: "", sort: "worst", page: "1", id: "",
  };
  v2xum.first = first;

  v2xum.read = () => {
    const given = new URLSearchParams(location.hash.slice(1)), state = { ...first };
    for (const name of Object.keys(first)) if (given.has(name)) state[name] = given.get(name);
    for (const name of ["dmin", "dmax", "rmin", "rmax", "smin", "smax"]) {
      if (state[name] !== "" && !Number.isFinite(Number(state[name]))) state[name] = "";
    }
    if (!/^[1-9][0-9]{0,6}$/.test(state.page)) state.page = "1";
    return state;
  };

  v2xum.hash = (state) => {
    const said = Object.entries(state).filter(([name, value]) => value !== first[name]);
    return `#${new URLSearchParams(said)}`;
  };

  /* Go to a state: as a new step of the history, or in place of the current one. */
  v2xum.go = (state, replace = false) => {
    const hash = v2xum.hash(state);
    if (hash === (location.hash || "#")) return;
    if (replace) location.replace(hash);
    else location.hash = hash;
  };
})();
