"""The evidence of a binding alarm: binding.json for programs and binding.html for people, in WORKSPACE/report.

Captions are hostile: Jinja escapes them, the policy of the page allows no script and no outside request, and control
and text-direction characters are removed.
"""

from __future__ import annotations

import functools
import json
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from jinja2 import Template

from curation.binding.canaries import Painter
from curation.binding.window import Alarm, CanaryResult, Compared, Shown, Window, caption_key, unlike
from curation.binding.withdrawal import Withdrawn
from curation.store.files import write_whole
from pages.templates import load_template
from pages.thumbnails import thumbnail
from schemas.configuration.config import BindingConfig
from schemas.errors import StageError
from schemas.safe_text import plain_line
from schemas.time import FrameIndex

SCHEMA_VERSION = 1
JSON_NAME, HTML_NAME = "binding.json", "binding.html"
MOST_PAIRS, MOST_REPEATS = 24, 24
_THUMB_WIDTH = 224
_NO_PICTURE = (StageError, OSError, ValueError, KeyError)

ReadPicture = Callable[[str, FrameIndex], bytes]
"""Takes the id of a video and the index of a frame; returns the JPEG bytes of the frame."""


class Case(NamedTuple):
    """The alarm and its circumstances; `captioner` and `clip` are names of models, `clip` None when none is used."""

    alarm: Alarm
    window: Window
    withdrawn: Withdrawn
    captioner: str
    clip: str | None
    config: BindingConfig


def write_evidence(folder: Path, case: Case, paint: Painter, read: ReadPicture) -> Path:
    """Write both files into `folder` and return the path of the page; a picture that cannot be read is left out.

    `read` gives the pictures of frames; `paint` draws the canaries again. Raises OSError, and RunStopped from `read`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    facts = evidence(case)
    write_whole(folder / JSON_NAME, json.dumps(facts, indent=2, ensure_ascii=False) + "\n")
    for pair in (*facts["pairs"], *facts["repeated"]["frames"]):
        pair["picture"] = small_picture(functools.partial(read, pair["video"], pair["frame"]))
    for canary in facts["canaries"]:
        canary["drawn"] = small_picture(functools.partial(_painted, paint, canary["seed"]))
    write_whole(folder / HTML_NAME, _template().render(f=facts, alarm=str(case.alarm)))
    return folder / HTML_NAME


def evidence(case: Case) -> dict[str, Any]:
    """The facts behind the alarm, the worst first. Texts are single lines without control characters."""
    window, most = case.window, case.window.commonest()
    same_text = [caption for caption in window.shown if caption_key(caption.text) == most.text]
    repeats = unlike(same_text) if most.covers else []
    canaries = window.servers[case.alarm.server] if case.alarm.server else window.canaries
    worst = sorted(window.compared, key=lambda compared: (compared.won / compared.of, compared.margin))
    return {
        "schema_version": SCHEMA_VERSION,
        "at": datetime.fromtimestamp(time.time(), UTC).isoformat(timespec="seconds"),
        "alarm": {**case.alarm._asdict(), "message": str(case.alarm)},
        "figures": window.figures(),
        "limits": case.config.model_dump(exclude={"canary_pictures"}),
        "captioner": plain_line(case.captioner),
        "clip": plain_line(case.clip) if case.clip else None,
        "withdrawn": {"videos": list(case.withdrawn.videos), "replies": case.withdrawn.replies},
        "canaries": [_canary(result) for result in sorted(canaries, key=lambda result: result.outcome.right)],
        "pairs": [_pair(compared) for compared in worst[:MOST_PAIRS]],
        "repeated": {
            "text": plain_line(repeats[0].text) if repeats else None,
            "share": most.share,
            "videos": most.videos,
            "frames": [_frame(caption) for caption in repeats[:MOST_REPEATS]],
        },
    }


def _canary(result: CanaryResult) -> dict[str, Any]:
    outcome = result.outcome
    return {
        "video": result.video_id,
        "canary": plain_line(outcome.picture),
        "seed": outcome.seed,
        "expected": [[plain_line(word) for word in group] for group in outcome.words],
        "said": plain_line(outcome.said),
        "right": outcome.right,
        "server": plain_line(outcome.server),
    }


def _frame(shown: Shown) -> dict[str, Any]:
    return {"video": shown.video_id, "frame": shown.frame, "caption": plain_line(shown.text)}


def _pair(compared: Compared) -> dict[str, Any]:
    margin = round(compared.margin, 4)
    return {**_frame(compared.shown), "won": compared.won, "of": compared.of, "margin": margin}


def _painted(paint: Painter, seed: str) -> bytes:
    return paint(seed).image


def small_picture(read: Callable[[], bytes]) -> str:
    """A small JPEG as a data URI; empty when the picture cannot be read. Raises RunStopped."""
    try:
        image = read()
    except _NO_PICTURE:
        return ""
    return thumbnail(lambda: image, _THUMB_WIDTH)


def _alternatives(groups: Iterable[Iterable[str]]) -> str:
    return "; ".join(" or ".join(group) for group in groups)


@functools.cache
def _template() -> Template:
    return load_template(
        "binding.html.jinja",
        {
            "alternatives": _alternatives,
            "moment": lambda at: datetime.fromisoformat(at).strftime("%Y-%m-%d %H:%M UTC"),
            "percent": lambda share: "–" if share is None else f"{share:.0%}",
        },
    )
