"""The truth about the demo's videos as records of Instruct-V2Xum: references for `v2xum evaluate`."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from demo.world import Script
from schemas.instructions import ASK_V2VT
from schemas.records import Sentence
from schemas.temporal import format_stored
from schemas.time import Seconds


class Known(NamedTuple):
    """A video whose script is known. `frames` is how many seconds of it there are (fewer in a cut file).

    `offered`: the seconds among which a summary may choose, None: all. A picture that lasts is offered once
    (curation/text/candidates.py).
    """

    id: str
    script: Script
    frames: int
    offered: frozenset[int] | None = None

    @property
    def keyframes(self) -> list[int]:
        """The seconds that matter and are there, ascending."""
        return [s for s in self.script.keyframes if s < self.frames and (self.offered is None or s in self.offered)]


def record(known: Known) -> dict[str, Any]:
    """One reference: the seconds that matter, and a sentence for every event that is there whole or begun.

    Raises ValueError when nothing of any event is there.
    """
    chosen = set(known.keyframes)
    inside = [(event, [s for s in event.seconds if s in chosen]) for event in known.script.events]
    sentences = [
        Sentence(times=tuple(Seconds(float(s)) for s in seconds), text=event.sentence)
        for event, seconds in inside
        if seconds
    ]
    stored = format_stored(sentences)
    return {
        "id": known.id,
        "meta": {"duration": float(known.frames), "sampled_frames": known.frames, "token": stored.token},
        "conversations": [{"from": "human", "value": ASK_V2VT}, {"from": "gpt", "value": stored.text}],
        "vsum_onehot": [int(second in chosen) for second in range(known.frames)],
    }


def write_truth(path: Path, videos: Iterable[Known]) -> None:
    """Write the references of all videos as one JSON list."""
    path.write_text(json.dumps([record(known) for known in videos], indent=1) + "\n", encoding="utf-8")
