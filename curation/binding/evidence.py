"""The evidence of a binding alarm: binding.json for programs and binding.html for people, below WORKSPACE/report.

Captions are hostile: Jinja escapes them, the page carries a policy that allows no script and no outside request, and
control and text-direction characters are left out.
"""

from __future__ import annotations

import base64
import functools
import io
import json
import os
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from PIL import Image

from curation.binding.canaries import Painter
from curation.binding.window import Alarm, CanaryResult, Compared, Shown, Window, caption_key, unlike
from curation.binding.withdrawal import Withdrawn
from schemas.config import BindingConfig
from schemas.errors import RunStopped, StageError
from schemas.repository import DATA
from schemas.safe_text import plain_line
from schemas.time import FrameIndex

SCHEMA_VERSION = 1
JSON_NAME, HTML_NAME = "binding.json", "binding.html"
MOST_PAIRS, MOST_REPEATS = 24, 24
_THUMB = (224, 168)
_TEMPLATES = DATA / "report"
_NO_PICTURE = (StageError, OSError, ValueError, SyntaxError, KeyError, Image.DecompressionBombError)

ReadPicture = Callable[[str, FrameIndex], bytes]
"""JPEG bytes of a frame of a video."""


class Case(NamedTuple):
    """What the evidence is about: `captioner` and `clip` are names of models."""

    alarm: Alarm
    window: Window
    withdrawn: Withdrawn
    captioner: str
    clip: str | None
    config: BindingConfig


def write_evidence(folder: Path, case: Case, paint: Painter, read: ReadPicture) -> Path:
    """Write both files and return the page's path. Raises OSError; a picture that cannot be had is left out."""
    folder.mkdir(parents=True, exist_ok=True)
    facts = evidence(case)
    _write(folder / JSON_NAME, json.dumps(facts, indent=2, ensure_ascii=False) + "\n")
    for pair in (*facts["pairs"], *facts["repeated"]["frames"]):
        pair["picture"] = _thumbnail(functools.partial(read, pair["video"], pair["frame"]))
    for canary in facts["canaries"]:
        canary["drawn"] = _thumbnail(functools.partial(_painted, paint, canary["seed"]))
    _write(folder / HTML_NAME, _template().render(f=facts, alarm=str(case.alarm)))
    return folder / HTML_NAME


def evidence(case: Case) -> dict[str, Any]:
    """Everything that the alarm rests on, worst first. Texts are single lines without control characters."""
    window, most = case.window, case.window.commonest()
    repeats = unlike([one for one in window.shown if caption_key(one.text) == most.text]) if most.covers else []
    canaries = window.servers[case.alarm.server] if case.alarm.server else window.canaries
    worst = sorted(window.compared, key=lambda one: (one.won / one.of, one.margin))
    return {
        "schema_version": SCHEMA_VERSION,
        "at": datetime.fromtimestamp(time.time(), UTC).isoformat(timespec="seconds"),
        "alarm": {**case.alarm._asdict(), "message": str(case.alarm)},
        "figures": window.figures(),
        "limits": case.config.model_dump(exclude={"canary_pictures"}),
        "captioner": plain_line(case.captioner),
        "clip": plain_line(case.clip) if case.clip else None,
        "withdrawn": {"videos": list(case.withdrawn.videos), "replies": case.withdrawn.replies},
        "canaries": [_canary(one) for one in sorted(canaries, key=lambda one: one.outcome.right)],
        "pairs": [_pair(one) for one in worst[:MOST_PAIRS]],
        "repeated": {
            "text": plain_line(repeats[0].text) if repeats else None,
            "share": most.share,
            "videos": most.videos,
            "frames": [_frame(one) for one in repeats[:MOST_REPEATS]],
        },
    }


def _canary(one: CanaryResult) -> dict[str, Any]:
    outcome = one.outcome
    return {
        "video": one.video_id,
        "canary": plain_line(outcome.picture),
        "seed": outcome.seed,
        "expected": [[plain_line(word) for word in group] for group in outcome.words],
        "said": plain_line(outcome.said),
        "right": outcome.right,
        "server": plain_line(outcome.server),
    }


def _frame(one: Shown) -> dict[str, Any]:
    return {"video": one.video_id, "frame": one.frame, "caption": plain_line(one.text)}


def _pair(one: Compared) -> dict[str, Any]:
    return {**_frame(one.shown), "won": one.won, "of": one.of, "margin": round(one.margin, 4)}


def _painted(paint: Painter, seed: str) -> bytes:
    return paint(seed).image


def _thumbnail(get: Callable[[], bytes]) -> str:
    """A small JPEG as a data URI; empty where the picture cannot be had."""
    try:
        with Image.open(io.BytesIO(get())) as picture:
            small = picture.convert("RGB")
        small.thumbnail(_THUMB)
        store = io.BytesIO()
        small.save(store, "JPEG", quality=80)
    except RunStopped:
        raise
    except _NO_PICTURE:
        return ""
    return "data:image/jpeg;base64," + base64.b64encode(store.getvalue()).decode("ascii")


def _write(path: Path, text: str) -> None:
    temporary = path.with_name(f"{path.name}.{os.getpid()}")
    temporary.write_text(text, encoding="utf-8", errors="replace")
    temporary.replace(path)


def _alternatives(groups: Iterable[Iterable[str]]) -> str:
    return "; ".join(" or ".join(group) for group in groups)


@functools.cache
def _template() -> Template:
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        undefined=StrictUndefined,
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["alternatives"] = _alternatives
    environment.filters["moment"] = lambda at: datetime.fromisoformat(at).strftime("%Y-%m-%d %H:%M UTC")
    environment.filters["percent"] = lambda share: "–" if share is None else f"{share:.0%}"
    return environment.get_template("binding.html.jinja")
