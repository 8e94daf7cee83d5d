"""The section of the audit study about a real small model: what `python -m benchmarks smollm2_page` measured."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from schemas.safe_text import plain_line

_COUNTS = {
    "echoes": "sentences that echo a prompt",
    "degenerate": "sentences that are no text",
    "repeated_summaries": "summaries that stand twice",
    "keyframes_of_one_picture": "keyframes that show a picture again",
}


def section(study: Mapping[str, Any]) -> list[str]:
    """The lines in Markdown, of the document of `benchmarks/smollm2_study`: the newest prompts of its curation."""
    result = max(study["curation"], key=lambda each: each["prompts"])
    reasons = ", ".join(f"{number} `{reason}`" for reason, number in result["reasons"].items())
    return [
        "## A real small model",
        "",
        "SmolLM2-135M under the production prompts, over demo videos with right captions ([its page](smollm2.md)).",
        "With the prompts of version 0.1 it chose the seconds 3, 17 and 42 of every video",
        "that was looked at, wrote the example of the prompt, and all of it was published.",
        "",
        f"Of {result['videos']} videos {result['samples']} became samples; the others were refused: {reasons}.",
        "",
        "| among what would be published | number |",
        "|---|---|",
        *(f"| {name} | {result[key]} |" for key, name in _COUNTS.items()),
        f"| least support of a sentence (`audit.refuse_below` is the limit) | {_least(result)} |",
        "",
        "What it wrote:",
        "",
        *(f"- {plain_line(text)}" for text in result["texts"]),
    ]


def _least(result: Mapping[str, Any]) -> str:
    return "-" if result["least_support"] is None else f"{result['least_support']:.2f}"
