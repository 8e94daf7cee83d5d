"use strict";
/* The list of samples: a page of the rows that were found. */
(() => {
  const { make } = v2xum;
  const perPage = v2xum.perPage = 30;

  const facts = (row) => {
    const { columns: c } = v2xum.rows, { values } = v2xum.site;
    const value = (name) => values[name][c[name][row]]?.[0] ?? "";
    const ratio = c.ratio[row] === null ? "" : ` (${v2xum.percent(c.ratio[row])})`;
    const frames = c.frames[row] === null ? "" : `${c.keyframes[row]} of ${v2xum.thousands(c.frames[row])} frames${ratio}`;
    return [value("split"), v2xum.clock(c.duration[row]), frames, value("language"), value("licence")].filter((fact) => fact && fact !== "(not stated)");
  };

  /* What a review's status and the worst score say, as badges: words, with colours beside them. */
  v2xum.reviewBadge = (status) => {
    const kind = { accepted: "ok", fixed: "ok", disputed: "bad" }[status] ?? "plain";
    return make("span", { class: `badge ${kind}` }, status);
  };

  v2xum.worstText = (row) => {
    const { columns: c } = v2xum.rows, share = c.share[row];
    if (share === null) return null;
    const [name] = v2xum.site.scores[c.by[row]], value = c.scores[row][c.by[row]];
    return `${v2xum.words(name)} ${value.toFixed(2)}: among the worst ${v2xum.percent(share, share < 0.01 ? 2 : 0)}`;
  };

  const item = (state, row, position) => {
    const { columns: c } = v2xum.rows, problems = v2xum.site.problems.filter((_, bit) => c.problems[row] >> bit & 1);
    const link = make("a", { href: v2xum.hash({ ...state, id: c.id[row] }), class: "open", "data-row": row, dir: "auto" }, c.title[row] ?? c.id[row]);
    const shape = c.sheet[row];
    const sheet = shape
      ? make("img", { src: v2xum.picture(row), alt: "", loading: "lazy", decoding: "async", width: 640, height: Math.round(640 * shape) })
      : v2xum.site.pictures ? make("span", { class: "none" }, "no contact sheet") : null;
    const status = v2xum.site.values.review[c.review[row]]?.[0] ?? "";
    return make("li", { "aria-posinset": position + 1, class: sheet ? null : "bare" },
      sheet && make("div", { class: "sheet" }, sheet),
      make("div", { class: "told" },
        make("h3", {}, link),
        make("p", { class: "facts soft small" }, [c.title[row] ? c.id[row] : null, ...facts(row)].filter(Boolean).join(" · ")),
        c.lead[row] && make("p", { class: "lead-text", dir: "auto" }, c.lead[row]),
        make("p", { class: "badges" }, v2xum.reviewBadge(status), problems.map(([, told]) => make("span", { class: "badge" }, told)),
          make("span", { class: "soft small" }, v2xum.worstText(row)))));
  };

  v2xum.pages = (found) => Math.max(Math.ceil(found.length / perPage), 1);

  v2xum.showList = (state, found) => {
    const pages = v2xum.pages(found), page = Math.min(Number(state.page), pages), from = (page - 1) * perPage;
    const list = document.getElementById("results");
    list.replaceChildren(...found.slice(from, from + perPage).map((row, place) => item(state, row, from + place)));
    for (const each of list.children) each.setAttribute("aria-setsize", found.length);
    const pager = document.getElementById("pager"), step = (to, text, rel) => to >= 1 && to <= pages
      ? make("a", { href: v2xum.hash({ ...state, page: String(to) }), rel, class: "button" }, text)
      : make("span", { class: "button off", "aria-hidden": "true" }, text);
    pager.replaceChildren(step(page - 1, "Previous", "prev"), make("span", {}, `page ${v2xum.thousands(page)} of ${v2xum.thousands(pages)}`), step(page + 1, "Next", "next"));
    pager.hidden = pages === 1;
    document.getElementById("nothing").hidden = found.length > 0;
  };

  v2xum.links = () => [...document.querySelectorAll("#results a.open")];
})();
