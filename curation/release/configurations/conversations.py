"""The configurations `v2v`, `v2t` and `v2vt`: one task each, as a question and its answer, in seconds and in slots."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING

from curation.release.configurations.configuration import Configuration, Published, Row
from schemas.instructions import ASK_V2T, ASK_V2V, ASK_V2VT
from schemas.temporal import slot_digits
from schemas.time import SLOTS, Seconds, seconds_to_slot

if TYPE_CHECKING:
    from datasets import Features

Answers = Callable[[Published], tuple[str, str]]  # in seconds, and in slots


@functools.cache
def features() -> Features:
    """The columns. `duration` is in seconds, `sha256` is the video file's; `conversations_slots` answers in slots."""
    from datasets import Features, List, Value

    string = Value("string")
    turns = List({"from": string, "value": string})
    return Features(
        {
            "id": string,
            "conversations": turns,
            "conversations_slots": turns,
            "duration": Value("float64"),
            "sampled_frames": Value("int32"),
            "sha256": string,
            "address": string,
            "review_status": string,
            "split": string,
        }
    )


def _task(name: str, ask: str, shows: str, answers: Answers) -> Configuration:
    def rows(published: Published) -> list[Row]:
        row = published.row
        seconds, slots = answers(published)
        return [
            {
                "id": row["id"],
                "conversations": _turns(ask, seconds),
                "conversations_slots": _turns(ask, slots),
                "duration": row["meta"]["duration"],
                "sampled_frames": row["meta"]["sampled_frames"],
                "sha256": row["file"]["sha256"],
                "address": row["publication"]["webpage_url"] or row["source"]["uri"],
                "review_status": row["review"]["status"],
                "split": row["split"],
            }
        ]

    return Configuration(name, shows, features, rows)


def _turns(ask: str, answer: str) -> list[dict[str, str]]:
    return [{"from": "human", "value": ask}, {"from": "gpt", "value": answer}]


def _v2v(published: Published) -> tuple[str, str]:
    """The keyframes: `[3.0] [9.0]`, and each distinct slot once."""
    times = published.sample.summary.v2v
    span = published.sample.frames.frames[-1].time
    slots = dict.fromkeys(seconds_to_slot(Seconds(time), span) for time in times)
    width = slot_digits(SLOTS)
    return " ".join(f"[{float(time)!r}]" for time in times), " ".join(f"[{slot:0{width}d}]" for slot in slots)


def _v2t(published: Published) -> tuple[str, str]:
    """The text, which holds no time."""
    text = published.row["summary"]["v2t"]
    return text, text


def _v2vt(published: Published) -> tuple[str, str]:
    """Sentences with the times of their keyframes: `[3.0]Sentence.`, and so on."""
    summary = published.row["summary"]
    return summary["v2vt_seconds"], summary["v2vt_slots"]


V2V = _task("v2v", ASK_V2V, "The video summary: which moments matter, as a conversation.", _v2v)
V2T = _task("v2t", ASK_V2T, "The text summary: what happens in them, as a conversation.", _v2t)
V2VT = _task("v2vt", ASK_V2VT, "Both: sentences with the times of their keyframes, as a conversation.", _v2vt)
