"""Writes the page of the proof, docs/results/proof.md, and its plot, from the figures alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from benchmarks.proof_study.faults import BLIND, HABIT_RATE, RANDOM_RATE
from benchmarks.proof_study.figures import METRICS
from demo.world import KINDS as EVENTS

_HEADS = {"f1": "F1", "f1_15": "F1 at 15 %", "kendall_tau": "Kendall's tau", "spearman_rho": "Spearman's rho"}
_FAULTS = {
    "none": "no fault",
    "shifted": "shifted: all keyframes 2 to 4 s too early or too late",
    "dropped": "dropped: sentences and their keyframes are missing",
    "added": "added: every sentence cites one more frame, in which nothing happens",
    "swapped": "swapped: every sentence stands at the keyframes of another one",
}


def label(name: str) -> str:
    """The name of a condition as people read it."""
    if name == "unplanted":
        return "without planted faults"
    return f"verified, {name.removeprefix('verified_')} % errors" if name.startswith("verified") else name


def page(found: Mapping[str, Any]) -> str:
    """The page in Markdown."""
    about, parts = found["about"], [found["random"], found["habits"]]
    rows = [row for part in parts for row in part["conditions"].values()]
    steps = [count for row in rows for count in row["steps"]]
    videos = [count for row in rows for count in row["videos"]]
    lines = [
        "# Is the curation worth it?",
        "",
        "`python -m benchmarks proof --out docs/results` writes this page.",
        "",
        f"**The claim**: {_claim(found['random'])}",
        "",
        f"**With habits**, faults that most rows share: {_claim(found['habits'])}",
        "",
        "![Differences of F1 from raw rows, with 95 % intervals](proof.svg)",
        "",
        "## What was done",
        "",
        f"- {about['films']} films of the demo's world are curated by its tiny checkpoints. Faults are then planted "
        "into the rows for training and validation, in the ledger, as if the models had answered so.",
        "- **raw**: the audit is off. **audited**: the rows that the audit lets pass, with its default limits. "
        "**verified**: one simulated person judged each row on the review's form. **without planted faults**: what the "
        "pipeline made.",
        "- A person decides of each shown keyframe whether it stays, of each missing one whether to add it, of each "
        "sentence whether to correct it. Each decision is wrong with the stated chance; what is right, the script "
        "says. The annotations are read as a pull reads them, and the verdicts stand in the ledger.",
        f"- **Same budget**: in each seed all conditions learn from the same number of videos ({_span(videos)}: that "
        f"with the fewest rows decides) for the same number of steps ({_span(steps)}). The checkpoint with the lowest "
        "loss on the condition's own validation rows is the result.",
        f"- VTSUM without its text decoder (`configs/train/vtsum_demo.yaml`, `{' '.join(about['settings'])}`), "
        f"{about['seeds']} seeds. A seed changes faults, people and training.",
        f"- {parts[0]['held_out']} held-out films are scored against their scripts (`{parts[0]['protocol']}`).",
        "- **F1** is that of the keyframes that the model chooses: as large a share of the frames as its training "
        "rows have. **F1 at 15 %** is that of the 15 % of frames with the highest scores: all conditions choose "
        "equally many.",
        "- **Intervals** are 95 %, of differences paired by seed and film: a BCa bootstrap over films, with "
        "Student's t over seeds ([0033](../decisions/0033-several-runs.md)). They are not adjusted for their number.",
        "",
        "## Random faults",
        "",
        f"Each kind of fault has a chance of {RANDOM_RATE:.0%} in each row, by itself. Half of the sentences are "
        "dropped, and each row has its own shift.",
        "",
        *_part(found["random"]),
        "## Habits",
        "",
        "This part was added when the first had shown no gain, to find out why: faults that differ from row to row may "
        f"cancel out. Here a seed has one shift and {BLIND} kinds of events (of {len(EVENTS)}) that it does not see; "
        f"{HABIT_RATE:.0%} of the rows are shifted, and the events are missing in {HABIT_RATE:.0%}.",
        "",
        *_part(found["habits"]),
        *_reading(found),
    ]
    seconds = sum(part["seconds"] for part in parts)
    return "\n".join([*lines, f"All trainings together took {seconds:,.0f} s on a busy machine with two cores.", ""])


def _claim(part: Mapping[str, Any]) -> str:
    """Whether the difference is above zero with its whole interval, in words."""
    one, other = part["claim"]["of"].split(" - ")
    value, low, high = part["differences"][part["claim"]["of"]][part["claim"]["metric"]]
    told = "the interval holds zero, so a gain is **not shown**"
    if low > 0 or high < 0:
        told = f"the whole interval is **{'above' if low > 0 else 'below'} zero**"
    head = _HEADS[part["claim"]["metric"]]
    return f"{head} of {label(one)} minus {label(other)} is {value:+.3f} ({low:+.3f} to {high:+.3f}): {told}."


def _reading(found: Mapping[str, Any]) -> list[str]:
    """What the tables say, with their figures."""
    random, with_habits = found["random"], found["habits"]
    of = random["claim"]["of"]

    def difference(part: Mapping[str, Any], name: str, metric: str) -> str:
        return _cell(part["differences"][name][metric], "+")

    return [
        "## How to read it",
        "",
        f"- The held-out films have {found['about']['keyframes']:.1f} keyframes by their scripts. A model chooses as "
        "many as its rows have, and keyframes that a fault adds bring raw rows nearer to that number. So rows without "
        f"any planted fault are not above raw rows either: {difference(random, 'unplanted - raw', 'f1')}. People who "
        "err drop right keyframes and add no wrong ones; the more they err, the fewer are chosen.",
        f"- At equally many keyframes the difference of the claim is {difference(random, of, 'f1_15')}, and that of "
        f"Kendall's tau {difference(random, of, 'kendall_tau')}. Faults that differ from row to row cancel out: the "
        f"labels of raw rows have an F1 of {random['conditions']['raw']['labels']:.2f}, and the model scores frames "
        "about as well as one that learned from rows without faults. There is little left that people could win.",
        "- A habit does not cancel out, the model learns it. Seeds have unlike habits, so the intervals are wide: at "
        f"15 % the difference is {difference(with_habits, of, 'f1_15')}.",
        "- The audit finds what the captions contradict: shifted and swapped rows. It sees neither missing events nor "
        "quiet frames that are added.",
        "- So verify a sample of rows first, and look whether errors repeat. One world, one model and simulated people "
        "say nothing of other data.",
        "",
    ]


def _part(part: Mapping[str, Any]) -> list[str]:
    """The tables of one kind of faults."""
    heads, lines = " | ".join(_HEADS[m] for m in METRICS), []
    lines += [f"| rows | F1 of the labels | chosen | {heads} |", f"|---|---:|---:|{'---:|' * len(METRICS)}"]
    for name, row in part["conditions"].items():
        cells = " | ".join(_cell(row[m]) for m in METRICS)
        lines.append(f"| {label(name)} | {row['labels']:.3f} | {row['chosen']:.1f} | {cells} |")
    lines.append(f"| random scores | | | {' | '.join(_cell(part['random_scores'].get(m)) for m in METRICS)} |")
    lines += ["", f"| difference | {heads} |", f"|---|{'---:|' * len(METRICS)}"]
    for name, row in part["differences"].items():
        one, other = name.split(" - ")
        lines.append(f"| {label(one)} - {label(other)} | {' | '.join(_cell(row[m], '+') for m in METRICS)} |")
    lines += ["", "| the only fault of a row | rows | kept back by the audit |", "|---|---:|---:|"]
    lines += [
        f"| {_FAULTS[kind]} | {rows} | {kept / rows:.0%} |" for kind, (rows, kept) in part["faults"].items() if rows
    ]
    lines += ["", "| people | accept | fix | reject |", "|---|---:|---:|---:|"]
    for name, count in part["decisions"].items():
        lines.append(f"| {label(name)} | {count['accept']} | {count['fix']} | {count['reject']} |")
    return [*lines, ""]


def plot(found: Mapping[str, Any]) -> str:
    """The differences of F1 from raw rows: a line for the interval, a dot at the difference, as SVG."""
    rows = {
        f"{label(name.removesuffix(' - raw'))} ({faults})": each["f1"]
        for faults in ("random", "habits")
        for name, each in found[faults]["differences"].items()
        if name.endswith(" - raw")
    }
    left, width, top, step = 230, 420, 30, 30
    bottom = top + step * len(rows)
    lowest, highest = min(0.0, *(row[1] for row in rows.values())), max(0.0, *(row[2] for row in rows.values()))
    scale = width / ((highest - lowest) or 1)

    def at(value: float) -> float:
        return float(left + (value - lowest) * scale)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {left + width + 40} {bottom + 44}" role="img" '
        'font-family="sans-serif" font-size="12">',
        "<title>F1 minus that of raw rows, with 95 % intervals</title>",
        '<rect width="100%" height="100%" fill="#fff"/>',
        f'<path d="M{at(0):.1f} {top - 8}V{bottom}" stroke="#444" stroke-dasharray="4 3"/>',
    ]
    parts += [
        f'<text x="{at(value):.1f}" y="{bottom + 16}" text-anchor="middle">{value:+.2f}</text>'
        for value in sorted({lowest, 0.0, highest})
    ]
    for number, (name, (value, low, high)) in enumerate(rows.items()):
        y = top + step * (number + 0.5)
        colour = "#0b6e4f" if low > 0 else "#c1440e" if high < 0 else "#8a8a8a"
        parts.append(f'<text x="{left - 12}" y="{y + 4}" text-anchor="end">{escape(name)}</text>')
        parts.append(f'<path d="M{at(low):.1f} {y}H{at(high):.1f}" stroke="{colour}" stroke-width="3"/>')
        parts.append(f'<circle cx="{at(value):.1f}" cy="{y}" r="5" fill="{colour}"/>')
    parts.append(
        f'<text x="{left + width / 2}" y="{bottom + 36}" text-anchor="middle">F1 minus that of raw rows</text>'
    )
    return "\n".join([*parts, "</svg>", ""])


def _cell(value: Sequence[float | None] | None, sign: str = "") -> str:
    middle, low, high = value or (None, None, None)
    if middle is None or low is None or high is None:
        return "-"
    return f"{middle:{sign}.3f} ({low:{sign}.3f} to {high:{sign}.3f})"


def _span(values: Sequence[int]) -> str:
    return f"{min(values)}" if min(values) == max(values) else f"{min(values)} to {max(values)}"
