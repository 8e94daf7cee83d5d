"""Writes docs/results/speech-training.md from the figures alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from benchmarks.saliency_study.page import interval, table

_CONDITIONS = {
    "pictures": "pictures alone",
    "voices": "pictures, and when somebody speaks",
    "words": "pictures, and what is said",
}
_KINDS = {
    "shown": "seconds that show an event",
    "said": "seconds at which an event is only said",
    "chatter": "seconds at which something of no importance is said",
}


def page(found: Mapping[str, Any]) -> str:
    """The page in Markdown."""
    lines = [
        "# What a trained summarizer gains from transcripts",
        "",
        "`python -m benchmarks speech_training --out docs/results` writes this page; "
        "[decision 0086](../decisions/0086-trainers-hear.md) says why it is so.",
        "",
        f"{found['films']} narrated films of the [speech study](speech.md), curated with their transcripts, are a "
        "release. VTSUM (`configs/train/vtsum_demo.yaml` without a text) learns from its keyframes, with "
        "`features.speech` by the embedder `ngram` and without. The films are divided into "
        f"{found['folds']} folds: every film is scored by models that never saw it, {found['seeds']} of each kind.",
        "",
        "Scored is **R-precision** against the scripts: of the n seconds with the highest scores, the share that "
        "matters, where n seconds of the film matter. One second of each picture is offered. Chance is "
        f"{found['chance']:.3f}. Mean over films and seeds; 95 % interval of a paired BCa bootstrap over films.",
        "",
        *table(
            ["told", "R-precision", *(f"{what} ({found['seconds'][kind]})" for kind, what in _KINDS.items())],
            [
                [
                    told,
                    interval(found["precision"][name]),
                    *(f"{found['chosen'][name][kind]:.1%}" for kind in _KINDS),
                ]
                for name, told in _CONDITIONS.items()
            ],
        ),
        "",
        *table(
            ["difference", "R-precision"],
            [[f"**{name}**", interval(ends, sign=True)] for name, ends in found["differences"].items()],
        ),
        "",
        f"- {_claim(found['differences']['words - pictures'])}",
        f"- {_control(found['differences']['words - voices'])}",
        "",
        "The films are a toy world: each line is said in the second that it tells of, in one of a few hundred "
        "sentences, and a cut of the picture goes with it. Real talk is neither so near to what it tells of nor so "
        "few-worded.",
        "",
    ]
    return "\n".join(lines)


def _claim(ends: list[float]) -> str:
    said = interval(ends, sign=True)
    if ends[1] > 0:
        return f"Transcripts **help** the trained summarizer: {said}."
    if ends[2] < 0:
        return f"Transcripts **harm** the trained summarizer: {said}."
    return f"That transcripts help the trained summarizer is **not shown**: {said}."


def _control(ends: list[float]) -> str:
    said = interval(ends, sign=True)
    if ends[1] > 0:
        return f"It comes from the words: to know only when somebody speaks is worth less, by {said}."
    return f"That it comes from the words is **not shown**: against knowing when somebody speaks it is {said}."
