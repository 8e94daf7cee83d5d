"use strict";
/* One sample: its contact sheet, keyframes, summaries, scores, and where all of it comes from. */
(() => {
  const { make } = v2xum;
  const dash = "not stated";

  const section = (name, title, ...content) => {
    const id = `s-${name}`;
    return make("section", { "aria-labelledby": id, class: "panel" }, make("h3", { id }, title), ...content);
  };

  const table = (title, pairs) => (pairs.length ? make("div", { class: "pairs" }, title && make("h4", {}, title),
    make("dl", {}, pairs.flatMap(([name, text]) => [make("dt", {}, v2xum.words(name)), make("dd", { dir: "auto" }, text)]))) : null);

  const seconds = (time) => (time === null ? "?" : `${String(Math.round(time * 100) / 100)} s`);

  const lines = (address, items) => make("ol", { class: "lines" }, items.map(([times, text, missing]) => make("li", {},
    make("span", { class: "at" }, times.flatMap((time, place) => [place ? " " : "", v2xum.timeLink(address, time, seconds(time))])),
    make("span", { class: text === null ? "said soft" : "said", dir: "auto" }, text ?? missing ?? "no caption"))));

  const scores = (row, sample) => {
    const good = Object.fromEntries(v2xum.site.scores);
    const measured = sample.scores.filter(([, value]) => value !== null);
    if (!measured.length) return make("p", { class: "soft" }, "Nothing was measured of this sample.");
    const [worst] = v2xum.rows.columns.share[row] === null ? [null] : v2xum.site.scores[v2xum.rows.columns.by[row]];
    return make("div", {},
      make("table", { class: "figures" }, make("thead", {}, make("tr", {}, make("th", { scope: "col" }, "score"), make("th", { scope: "col" }, "good is"), make("th", { scope: "col", class: "n" }, "value"))),
        make("tbody", {}, measured.map(([name, value]) => make("tr", name === worst ? { class: "worst" } : {}, make("th", { scope: "row" }, v2xum.words(name)), make("td", {}, good[name]), make("td", { class: "n" }, value.toFixed(2)))))),
      worst && make("p", { class: "small soft" }, `Worst: ${v2xum.worstText(row)} of this release in that score.`));
  };

  const captions = (row, sample) => {
    const place = make("div", {}), details = make("details", {}, make("summary", {}, `All captions (${v2xum.thousands(sample.captions)})`), place);
    details.addEventListener("toggle", async () => {
      if (!details.open || place.childElementCount) return;
      place.replaceChildren(make("p", { class: "soft" }, "loading"));
      try {
        const all = await v2xum.valueOf("captions", row);
        place.replaceChildren(lines(sample.address, all.map(([time, text, missing]) => [[time], text, missing && `no caption: ${missing}`])));
      } catch (error) {
        place.replaceChildren();
        v2xum.trouble(error);
      }
    });
    return details;
  };

  const watch = (sample) => {
    const href = sample.address === null ? null : v2xum.videoAt(sample.address);
    if (href === null) return sample.address && make("span", { class: "any" }, `file ${sample.address}`);
    return make("a", { class: "any", href, target: "_blank", rel: "noopener noreferrer" }, sample.address);
  };

  const fact = (name, ...value) => [make("dt", {}, name), make("dd", { dir: "auto" }, value)];

  const facts = (row, sample) => {
    const named = Object.fromEntries(sample.published), status = Object.fromEntries(sample.review).status ?? "";
    const ratio = sample.ratio === null ? "" : `, ${v2xum.percent(sample.ratio)}`;
    return make("dl", { class: "facts-list" },
      fact("id", v2xum.rows.columns.id[row]), fact("video", watch(sample) ?? dash), fact("split", sample.split),
      fact("licence", sample.licence ?? dash), fact("language", named.language ?? dash), fact("review", v2xum.reviewBadge(status)),
      fact("duration", v2xum.clock(sample.duration) || dash),
      fact("keyframes", `${sample.keyframes.length} of ${sample.frames ?? "?"} sampled frames${ratio}`));
  };

  const made = (sample) => sample.made.filter(([, pairs]) => pairs.length).map(([stage, pairs]) => table(stage, pairs));

  /* Show a row in the element of the sample, when its values are there. */
  v2xum.showSample = async (row, place) => {
    const sample = await v2xum.valueOf("details", row), { columns } = v2xum.rows, shape = columns.sheet[row];
    const sheet = shape ? make("a", { href: v2xum.picture(row), target: "_blank", rel: "noopener" },
      make("img", { src: v2xum.picture(row), alt: `contact sheet: ${sample.keyframes.length} keyframes with their times`, width: 640, height: Math.round(640 * shape) })) : null;
    const flagged = v2xum.site.problems.filter((_, bit) => columns.problems[row] >> bit & 1);
    const filters = sample.filters.map(([name, value, passed, told]) => [name ?? "", `${value || "unknown"}${passed ? "" : ", not passed"}${told ? ` (${told})` : ""}`]);
    return () => place.replaceChildren(
      make("h2", { id: "sample-title", tabindex: "-1", dir: "auto" }, sample.title ?? columns.id[row]),
      make("p", { class: "badges" }, flagged.map(([, told]) => make("span", { class: "badge" }, told)), sample.defects.map((told) => make("span", { class: "badge bad" }, told))),
      make("div", { class: "halves" },
        make("div", {}, sheet, facts(row, sample),
          section("keyframes", `Keyframes (${sample.keyframes.length})`, lines(sample.address, sample.keyframes.map(([time, text]) => [[time], text]))),
          section("scores", "Scores", scores(row, sample), table(filters.length ? "Filters" : "", filters))),
        make("div", {},
          section("text", "Text summary", make("p", { class: "said prose", dir: "auto" }, sample.summary ?? "")),
          section("both", "Interleaved summary", lines(sample.address, sample.sentences)),
          section("captions", "Captions", captions(row, sample)),
          section("made", "Who made it", ...made(sample)),
          section("people", "Who checked it", table("", sample.review)),
          section("origin", "Where it comes from", table("Source", sample.source), table("Published as", sample.published), table("File", sample.file)))));
  };
})();
