"""The evidence of an alarm about repeated summaries or keyframes: the same two files as for captions.

Texts of models are hostile: Jinja escapes them, and the policy of the page allows no script and no outside request.
"""

from __future__ import annotations

import functools
import json
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from jinja2 import Template

from curation.binding.evidence import HTML_NAME, JSON_NAME, SCHEMA_VERSION, ReadPicture, small_picture
from curation.binding.repeats import Observation
from curation.binding.window import Alarm
from curation.binding.withdrawal import Withdrawn
from curation.store.files import write_whole
from pages.templates import asset, load_template, policy, trusted
from schemas.safe_text import plain_line

MOST_VIDEOS, MOST_PICTURES = 24, 4


class RepeatCase(NamedTuple):
    """The alarm, the videos that repeat each other, what was withdrawn, and the names of those who choose and write."""

    alarm: Alarm
    group: Sequence[Observation]
    withdrawn: Withdrawn
    summarizer: str


def write_repeat_evidence(folder: Path, case: RepeatCase, read: ReadPicture) -> Path:
    """Write both files into `folder` and return the path of the page; a picture that cannot be read is left out.

    Raises OSError, and RunStopped from `read`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    facts = repeat_evidence(case)
    write_whole(folder / JSON_NAME, json.dumps(facts, indent=2, ensure_ascii=False) + "\n")
    for video in facts["repeated"]:
        shown = video["keyframes"][:MOST_PICTURES]
        video["pictures"] = [small_picture(functools.partial(read, video["video"], index)) for index in shown]
    css = asset("repeats.css")
    page = _template().render(f=facts, alarm=str(case.alarm), css=trusted(css), policy=policy(css))
    write_whole(folder / HTML_NAME, page)
    return folder / HTML_NAME


def repeat_evidence(case: RepeatCase) -> dict[str, Any]:
    """The facts behind the alarm. Texts are single lines without control characters."""
    return {
        "schema_version": SCHEMA_VERSION,
        "at": datetime.fromtimestamp(time.time(), UTC).isoformat(timespec="seconds"),
        "alarm": {**case.alarm._asdict(), "message": str(case.alarm)},
        "summarizer": plain_line(case.summarizer),
        "withdrawn": {"videos": list(case.withdrawn.videos), "replies": case.withdrawn.replies},
        "repeated": [
            {
                "video": one.video_id,
                "summary": plain_line(one.summary),
                "keyframes": list(one.choice),
                "times": [index / one.fps for index in one.choice],
                "sampled_frames": one.frames,
            }
            for one in case.group[:MOST_VIDEOS]
        ],
    }


@functools.cache
def _template() -> Template:
    return load_template(
        "repeats.html.jinja",
        {"moment": lambda at: datetime.fromisoformat(at).strftime("%Y-%m-%d %H:%M UTC"), "seconds": _seconds},
    )


def _seconds(times: Sequence[float]) -> str:
    return ", ".join(f"{time:g}" for time in times[:20]) + (" …" if len(times) > 20 else "")
