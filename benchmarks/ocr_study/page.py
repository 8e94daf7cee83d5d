"""Writes the page of the study, docs/results/screen-text.md, from the figures alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.ocr_study.figures import KINDS, LIKE
from benchmarks.saliency_study.page import table

WAYS = {"changed": "where text may have changed", "every": "every frame"}


def page(found: Mapping[str, Any]) -> str:
    """The page in Markdown."""
    about, ways = found["about"], found["ways"]
    lines = [
        "# What is read of the text on screen",
        "",
        "`python -m benchmarks ocr_study --out docs/results` writes this page; "
        "[decision 0084](../decisions/0084-text-on-screen.md) says how pictures are read.",
        "",
        f"{about['films']} films of the demo's world with a title, subtitles, notices, signs and credits, 47 s each, "
        "in several fonts, sizes and inks. They are encoded, decoded and sampled as in a run, and read by "
        f"{about['reader']} with the defaults of `frames` and `ocr`. `{WAYS['every']}` is what a reader without "
        "the rule would do, in the same minute. A line counts as found where at least "
        f"{LIKE:.0%} of its letters were read while it was shown; case and blanks do not count. Drawn text is easy: "
        "blurred, slanted and stylised letters of real films are read worse. The rules were set while three of these "
        "films were looked at.",
        "",
        *table(
            ["", *WAYS.values()],
            [
                ["frames that were read", *(f"{ways[way]['read']:,} of {ways[way]['frames']:,}" for way in WAYS)],
                ["time, as a share of reading every frame", *(_time(ways, way) for way in WAYS)],
                ["lines found", *(_share(ways[way]["all"]) for way in WAYS)],
                *([f"- {kind}", *(_share(ways[way]["found"][kind]) for way in WAYS)] for kind in KINDS),
                ["lines without a mistake", *(_share(ways[way]["exact"]) for way in WAYS)],
                ["letters that are wrong or missing", *(f"{ways[way]['letters_wrong']:.1%}" for way in WAYS)],
                ["lines that begin in the right second", *(_share(ways[way]["begun"]) for way in WAYS)],
                ["lines that nobody wrote", *(f"{ways[way]['invented']:,}" for way in WAYS)],
            ],
        ),
        "",
        f"- {claim(ways)}",
        "- Whether text may have changed is told by strokes alone. What moves is looked at again, so films that stand "
        "still, such as talks with slides, gain most.",
        "",
        "## Kinds",
        "",
        "Of the lines that were found, read where text may have changed:",
        "",
        *table(
            ["is", *(f"told as {kind}" for kind in KINDS)],
            [[kind, *(str(ways["changed"]["kinds"][kind][other]) for other in KINDS)] for kind in KINDS],
        ),
        "",
    ]
    return "\n".join(lines)


def claim(ways: Mapping[str, Any]) -> str:
    """What reading less loses, in a sentence."""
    changed, every = (ways[way] for way in WAYS)
    less = every["all"][0] - changed["all"][0]
    lost = f"{less} lines fewer" if less > 0 else "as many lines" if less == 0 else f"{-less} lines more"
    return (
        f"Reading where text may have changed looks at {changed['read'] / changed['frames']:.0%} of the frames, takes "
        f"{changed['seconds'] / every['seconds']:.2f} of the time, and finds {lost}, of {every['all'][1]:,}."
    )


def _time(ways: Mapping[str, Any], way: str) -> str:
    return f"{ways[way]['seconds'] / ways['every']['seconds']:.2f}"


def _share(found: Sequence[float | None]) -> str:
    part, whole, value, low, high = (0.0 if one is None else one for one in found)
    return f"{part:.0f} of {whole:.0f}: {value:.3f} ({low:.3f} to {high:.3f})"
