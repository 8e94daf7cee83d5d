"""Writes the page of the protocol study, docs/results/protocols.md, and its plot."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import NamedTuple

from benchmarks.protocol_study.figures import UNIFORM, study_figures
from pages.plots import nice_ticks

NO_SHOTS = "needs shots by kernel temporal segmentation (`shot_lengths` or `change_points`), and no file has them"


class Row(NamedTuple):
    """A protocol as the plot shows it: its name, and pairs of the kind of a mark and the name of its figure."""

    name: str
    marks: tuple[tuple[str, str], ...]


# The rows of the plot. The marks of a row are of the same protocol, so they may be compared.
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

# The rows of the table: text, beginning of the names of the figures for tau and rho, digits.
TABLE = (
    ("TVSum, people against each other (published human row)", "tvsum_human", 4),
    ("TVSum, random scores", "tvsum_random", 4),
    ("TVSum, oracle: the mean rating against each annotator", "tvsum_oracle", 3),
    ("TVSum, SUM-Ind's published scores", "tvsum_sumind", 3),
    ("SumMe, numbers of segments ranked like scores (published human row)", "summe_segment_ids", 4),
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
    """All figures rounded to 6 digits, and under `missing` the reasons for figures that could not be made.

    `out`: a folder into which protocols.md and protocols.svg are written. Raises ConfigError where annotations are
    missing or broken.
    """
    figures = study_figures(groundtruth, draws=draws, seed=seed)
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        (out / "protocols.svg").write_text(plot(figures), encoding="utf-8")
        (out / "protocols.md").write_text(page(figures, draws), encoding="utf-8")
    # Six significant digits and not decimal places, because errors of F1 are about 1e-11.
    rounded: dict[str, object] = {name: float(f"{value:.6g}") for name, value in figures.items()}
    missing = {} if "summe_random_tau" in figures else {"summe_random_tau": NO_SHOTS, "summe_f1_random_max": NO_SHOTS}
    return {**rounded, "missing": missing}


def plot(figures: Mapping[str, float]) -> str:
    """Kendall's tau of every mark whose figure exists, one line for each protocol, as SVG."""
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
            if name in figures:
                description = f"{kind}: {figures[name]:.3f}"
                # Random scores are a stroke, so that marks of the same value do not hide it.
                place, form = x(figures[name]), 'circle cx="{0:.1f}" cy="{1}" r="6"'
                if kind == "random":
                    form = 'path d="M{0:.1f} {1}m-2 -15h4v30h-4z"'
                parts.append(f'<{form.format(place, y)} fill="{COLOURS[kind]}" fill-opacity="0.85">')
                parts.append(f"<title>{escape(description)}</title></{form.split()[0]}>")
    return "\n".join([*parts, "</svg>", ""])


def page(figures: Mapping[str, float], draws: int) -> str:
    """The page in Markdown."""
    lines = [
        "# What a protocol does to a number",
        "",
        "`v2xum bench protocols --groundtruth DIR --out docs/results` writes this page. All figures are computed from "
        "DIR.",
        "",
        "The scores and the annotations are the same everywhere; only the protocol changes. Published tables call the",
        'numbers of all these protocols "Kendall\'s tau". Shots by kernel temporal segmentation (KTS) are read from '
        "files",
        "below DIR/summe, such as CSNet's results in github.com/TIBHannover/UnsupervisedVideoSummarization",
        "(results/csnet/SumMe/fscores).",
        "",
        "![Kendall's tau of random scores, people and published systems under five protocols](protocols.svg)",
        "",
        "| what | tau | rho |",
        "|---|---|---|",
    ]
    for words, name, digits in TABLE:
        cells = [_cell(figures, f"{name}_{rank}", digits) for rank in ("tau", "rho")]
        lines.append(f"| {words} | {cells[0]} | {cells[1]} |")
    lines += ["", "F1 x 100 on SumMe:", "", "| what | F1 |", "|---|---|"]
    lines += [f"| {words} | {_cell(figures, name, 2)} |" for words, name in F1_TABLE]
    lines += ["", *_words(figures, draws), ""]
    return "\n".join(lines)


def _cell(figures: Mapping[str, float], name: str, digits: int) -> str:
    if name not in figures:
        return "-"
    error = figures.get(f"{name}_error")
    return f"{figures[name]:.{digits}f}" + (
        f" ± {error:.{max(digits, 4) if digits > 2 else 2}f}" if error is not None else ""
    )


def _words(figures: Mapping[str, float], draws: int) -> list[str]:
    lines = [
        f"`±`: standard error of a figure that depends on random draws ({draws} for each video for KTS shots). "
        "`-`: a file is missing.",
        "",
        "- Published tables have a human row for SumMe, 0.205 / 0.213. It is the result of ranking `user_score` of the "
        "files, which contains numbers of segments and not scores. Made binary, the agreement of people with each "
        f"other is {figures['summe_binarised_tau']:.4f}; tau-b and rho are then equal.",
    ]
    if "summe_random_tau" in figures:
        lines.append(
            "- Under `summe/binary-vs-mean` with KTS shots, random scores reach "
            f"{figures['summe_random_tau']:.3f}. The knapsack takes short shots, and people chose frames of short "
            f"shots more often (tau of shortness against their mean: {figures['summe_shot_shortness_tau']:.3f}). "
            f"The same score for every frame reaches {figures['summe_equal_scores_tau']:.3f}, and an F1 of "
            f"{figures['summe_f1_equal_scores_max']:.1f}."
        )
    if "summe_random_tau" in figures and "summe_sumind_binary_vs_mean_tau" in figures:
        lines.append(
            f"  SUM-Ind's published summaries reach {figures['summe_sumind_binary_vs_mean_tau']:.3f} there; its scores "
            f"reach {figures['summe_sumind_score_vs_mean_tau']:.3f} under `summe/score-vs-mean`."
        )
    spread = [f"{figures[f'summe_random_uniform_tau_{end}']:.3f}" for end in ("low", "high")]
    lines.append(
        f"- With uniform shots, random scores do not reach this: {spread[0]} to {spread[1]} for shots of "
        f"{', '.join(map(str, UNIFORM))} frames."
    )
    errors = {k: v for k, v in figures.items() if k.endswith("_f1_max_error")}
    if errors:
        listed = ", ".join(f"`{name}` {value:.1e}" for name, value in errors.items())
        lines.append(
            f"- The largest difference between this project's F1 of published summaries and the F1 stored with them: "
            f"{listed}. SUM-Ind's difference comes from the 1e-8 that its code adds to the denominator."
        )
    lines.append(
        "- VideoXum's evaluation code selects "
        f"{figures['videoxum_upstream_selected_mean']:.0f} ± {figures['videoxum_upstream_selected_sd']:.0f} % of the "
        "frames for random scores (mean and standard deviation); the intended share is 15 %."
    )
    splits = sorted(name for name in figures if name.startswith("splits_") and name.endswith("_never_tested"))
    if splits:
        lines += ["", "| published split | videos never tested | tested more than once |", "|---|---|---|"]
        for name in splits:
            stem = name.removesuffix("_never_tested")
            lines.append(
                f"| {stem.removeprefix('splits_')} | {figures[name]:.0f} | {figures[f'{stem}_tested_often']:.0f} |"
            )
    return lines
