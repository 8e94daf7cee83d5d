"""Writes the study as a page: docs/results/protocols.md with its plot, from the figures of `figures.py`."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import NamedTuple

from benchmarks.protocol_study.figures import UNIFORM, findings
from pages.plots import nice_ticks

NO_SHOTS = "needs shots by kernel temporal segmentation (`shot_lengths` or `change_points`), and no file has them"


class Row(NamedTuple):
    """A protocol as the plot shows it: its name and where its figures are, by the kind of mark."""

    name: str
    marks: tuple[tuple[str, str], ...]


# What is drawn; the marks of one row are of the same protocol and so may be compared.
ROWS = (
    Row("SumMe: knapsack summary vs mean, KTS shots", (
        ("random", "summe_random_tau"), ("human", "summe_human_loo_tau"), ("oracle", "summe_oracle_tau"),
        ("SUM-Ind", "summe_sumind_binary_vs_mean_tau"), ("CSNet", "summe_csnet_binary_vs_mean_tau"),
    )),
    Row(f"SumMe: knapsack summary vs mean, shots of {UNIFORM[2]} frames", (
        ("random", "summe_random_uniform_tau"), ("human", "summe_human_loo_tau"),
    )),
    Row("SumMe: scores vs mean", (
        ("random", "summe_random_score_vs_mean_tau"), ("human", "summe_human_loo_grid_tau"),
        ("SUM-Ind", "summe_sumind_score_vs_mean_tau"), ("CSNet", "summe_csnet_score_vs_mean_tau"),
    )),
    Row("SumMe: scores vs each annotator", (
        ("random", "summe_random_per_annotator_tau"), ("human", "summe_binarised_tau"),
        ("SUM-Ind", "summe_sumind_per_annotator_tau"), ("CSNet", "summe_csnet_per_annotator_tau"),
    )),
    Row("TVSum: scores vs each annotator", (
        ("random", "tvsum_random_tau"), ("human", "tvsum_human_tau"), ("oracle", "tvsum_oracle_tau"),
        ("SUM-Ind", "tvsum_sumind_tau"),
    )),
)  # fmt: skip
COLOURS = {"random": "#8a8a8a", "human": "#0b6e4f", "oracle": "#6a4c93", "SUM-Ind": "#c1440e", "CSNet": "#1d70a2"}

# What is tabled: in words, the names of tau and rho (or of one figure), digits.
TABLE = (
    ("TVSum, people against each other (published human row)", "tvsum_human", 4),
    ("TVSum, random scores", "tvsum_random", 4),
    ("TVSum, oracle: the mean rating against each annotator", "tvsum_oracle", 3),
    ("TVSum, SUM-Ind's published scores", "tvsum_sumind", 3),
    ("SumMe, numbers of segments ranked as if scores (published human row)", "summe_segment_ids", 4),
    ("SumMe, people against each other, binarised", "summe_binarised", 4),
    ("SumMe, random scores against each annotator", "summe_random_per_annotator", 4),
    ("SumMe, random scores against the mean", "summe_random_score_vs_mean", 4),
    ("SumMe, knapsack against the mean: people, leave-one-out", "summe_human_loo", 3),
    ("SumMe, knapsack against the mean: random scores, KTS shots", "summe_random", 3),
    ("SumMe, knapsack against the mean: the same score for all frames, KTS shots", "summe_equal_scores", 3),
    ("SumMe, knapsack against the mean: oracle, KTS shots", "summe_oracle", 3),
    ("SumMe, knapsack against the mean: SUM-Ind's published summaries", "summe_sumind_binary_vs_mean", 3),
    ("SumMe, knapsack against the mean: CSNet's published summaries", "summe_csnet_binary_vs_mean", 3),
    (f"SumMe, knapsack against the mean: random scores, shots of {UNIFORM[2]} frames", "summe_random_uniform", 3),
    ("SumMe, SUM-Ind's published scores against the mean", "summe_sumind_score_vs_mean", 3),
    ("SumMe, CSNet's published scores against the mean", "summe_csnet_score_vs_mean", 3),
)
F1_TABLE = (
    ("people, leave-one-out, mean over annotators", "summe_f1_human_mean"),
    ("people, leave-one-out, best annotator", "summe_f1_human_max"),
    ("random scores, KTS shots, best annotator", "summe_f1_random_max"),
    ("the same score for all frames, KTS shots, best annotator", "summe_f1_equal_scores_max"),
)


def report(groundtruth: Path, out: Path | None = None, *, draws: int = 1000, seed: int = 0) -> dict[str, object]:
    """All figures, rounded to 6 digits, and `missing`: why some are not there.

    With `out`, a folder, protocols.md and protocols.svg are written there too. Raises ConfigError where annotations are
    missing or broken.
    """
    found = findings(groundtruth, draws=draws, seed=seed)
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        (out / "protocols.svg").write_text(plot(found), encoding="utf-8")
        (out / "protocols.md").write_text(page(found, draws), encoding="utf-8")
    # Errors of F1 are about 1e-11: significant digits, not decimal places.
    rounded: dict[str, object] = {name: float(f"{value:.6g}") for name, value in found.items()}
    missing = {} if "summe_random_tau" in found else {"summe_random_tau": NO_SHOTS, "summe_f1_random_max": NO_SHOTS}
    return {**rounded, "missing": missing}


def plot(found: Mapping[str, float]) -> str:
    """Kendall's tau of every mark that there is, a line a protocol, as SVG."""
    left, width, top, step = 400, 440, 44, 44
    low, high = -0.05, 0.45
    height = top + step * len(ROWS) + 46

    def x(value: float) -> float:
        return left + (min(max(value, low), high) - low) / (high - low) * width

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {left + width + 30} {height}" role="img" '
        'font-family="sans-serif" font-size="13">',
        "<title>Kendall's tau of the same things under five protocols</title>",
        '<rect width="100%" height="100%" fill="#fff"/>',
    ]
    for i, (kind, colour) in enumerate(COLOURS.items()):
        at = left + i * 88
        parts.append(
            f'<circle cx="{at}" cy="18" r="6" fill="{colour}"/><text x="{at + 11}" y="22">{escape(kind)}</text>'
        )
    bottom = top + step * len(ROWS)
    for value in nice_ticks(high, 6)[1]:
        line = "#444" if value == 0 else "#ddd"
        parts.append(f'<path d="M{x(value):.1f} {top - 8}V{bottom}" stroke="{line}"/>')
        parts.append(f'<text x="{x(value):.1f}" y="{bottom + 18}" text-anchor="middle">{value:.1f}</text>')
    parts.append(f'<text x="{left + width / 2}" y="{bottom + 38}" text-anchor="middle">Kendall\'s tau-b</text>')
    for i, row in enumerate(ROWS):
        y = top + step * (i + 0.5)
        parts.append(f'<text x="{left - 14}" y="{y + 4}" text-anchor="end">{escape(row.name)}</text>')
        parts.append(f'<path d="M{left} {y}H{left + width}" stroke="#eee"/>')
        for kind, name in row.marks:
            if name in found:
                said = f"{kind}: {found[name]:.3f}"
                # The floor is a stroke, so that marks that lie upon it do not hide it.
                place, form = x(found[name]), 'circle cx="{0:.1f}" cy="{1}" r="6"'
                if kind == "random":
                    form = 'path d="M{0:.1f} {1}m-2 -15h4v30h-4z"'
                parts.append(f'<{form.format(place, y)} fill="{COLOURS[kind]}" fill-opacity="0.85">')
                parts.append(f"<title>{escape(said)}</title></{form.split()[0]}>")
    return "\n".join([*parts, "</svg>", ""])


def page(found: Mapping[str, float], draws: int) -> str:
    """The page in Markdown."""
    lines = [
        "# What a protocol does to a number",
        "",
        "Made by `v2xum bench protocols --groundtruth DIR --out docs/results`; figures are read from nowhere else.",
        "",
        'The same scores, the same annotations, protocols whose numbers published tables all call "Kendall\'s tau".',
        "Shots by kernel temporal segmentation (KTS) are read from files below DIR/summe that have them, as CSNet's",
        "results in github.com/TIBHannover/UnsupervisedVideoSummarization (results/csnet/SumMe/fscores) do.",
        "",
        "![Kendall's tau of random scores, people and published systems under five protocols](protocols.svg)",
        "",
        "| what | tau | rho |",
        "|---|---|---|",
    ]
    for words, name, digits in TABLE:
        cells = [_cell(found, f"{name}_{rank}", digits) for rank in ("tau", "rho")]
        lines.append(f"| {words} | {cells[0]} | {cells[1]} |")
    lines += ["", "F1 x 100 on SumMe:", "", "| what | F1 |", "|---|---|"]
    lines += [f"| {words} | {_cell(found, name, 2)} |" for words, name in F1_TABLE]
    lines += ["", *_words(found, draws), ""]
    return "\n".join(lines)


def _cell(found: Mapping[str, float], name: str, digits: int) -> str:
    if name not in found:
        return "-"
    error = found.get(f"{name}_error")
    return f"{found[name]:.{digits}f}" + (
        f" ± {error:.{max(digits, 4) if digits > 2 else 2}f}" if error is not None else ""
    )


def _words(found: Mapping[str, float], draws: int) -> list[str]:
    lines = [
        f"`±`: standard error of a figure that rests on random draws ({draws} a video for KTS shots). "
        "`-`: a file is missing.",
        "",
        "- The human row of SumMe that tables print, 0.205 / 0.213, is what comes out if `user_score` is ranked as it "
        "lies in the files; it holds numbers of segments, not scores. Binarised, people agree with each other by "
        f"{found['summe_binarised_tau']:.4f}, where tau-b and rho are the same number.",
    ]
    if "summe_random_tau" in found:
        lines.append(
            "- Under `summe/binary-vs-mean` with KTS shots, scores that know nothing reach "
            f"{found['summe_random_tau']:.3f}. The knapsack takes short shots, and people chose from short shots more "
            f"often (tau of shortness against their mean: {found['summe_shot_shortness_tau']:.3f}). The same score for "
            f"every frame even reaches {found['summe_equal_scores_tau']:.3f}, and F1 "
            f"{found['summe_f1_equal_scores_max']:.1f}."
        )
    if "summe_random_tau" in found and "summe_sumind_binary_vs_mean_tau" in found:
        lines.append(
            f"  SUM-Ind's published summaries have {found['summe_sumind_binary_vs_mean_tau']:.3f} there, and its "
            f"scores {found['summe_sumind_score_vs_mean_tau']:.3f} where nothing but scores counts."
        )
    spread = [f"{found[f'summe_random_uniform_tau_{end}']:.3f}" for end in ("low", "high")]
    lines.append(
        f"- With uniform shots the floor goes: {spread[0]} to {spread[1]} for shots of "
        f"{', '.join(map(str, UNIFORM))} frames."
    )
    errors = {k: v for k, v in found.items() if k.endswith("_f1_max_error")}
    if errors:
        listed = ", ".join(f"`{name}` {value:.1e}" for name, value in errors.items())
        lines.append(
            f"- Our F1 of published summaries against the F1 stored beside them, largest difference: {listed}. "
            "What is left for SUM-Ind is the 1e-8 that its code adds below the line."
        )
    lines.append(
        "- VideoXum's evaluation code selects "
        f"{found['videoxum_upstream_selected_mean']:.0f} ± {found['videoxum_upstream_selected_sd']:.0f} % of the "
        "frames of random scores (mean and standard deviation), where 15 % are meant."
    )
    splits = sorted(name for name in found if name.startswith("splits_") and name.endswith("_never_tested"))
    if splits:
        lines += ["", "| published split | videos never tested | tested more than once |", "|---|---|---|"]
        for name in splits:
            stem = name.removesuffix("_never_tested")
            lines.append(
                f"| {stem.removeprefix('splits_')} | {found[name]:.0f} | {found[f'{stem}_tested_often']:.0f} |"
            )
    return lines
