"""The part of a task that shows what is said: lines of the transcript, each a region whose text people can correct."""

from __future__ import annotations

from typing import Any, Final

from annotation.label_studio.interface import NAMES
from annotation.push.keyframes import whole_line
from schemas.parts.transcript import Transcript
from schemas.time import clock

MOST_LINES: Final = 100  # five minutes of speech; a task with 200 takes twice as long to open as one without
MOST_CHARACTERS: Final = 20_000
_SOURCES: Final = {
    "manual": "subtitles that people wrote",
    "automatic": "subtitles that a machine made",
    "recognised": "recognised by a machine",
}


def spoken_block(transcript: Transcript | None) -> dict[str, Any] | None:
    """What a task shows of a transcript: a heading, and its first lines with their times; None where nothing is said.

    A line is the segment of the same place: its text as it is, `start` and `end` in seconds, and `t`, the time that
    people read. The heading says how many there are when not all are shown, MOST_LINES or MOST_CHARACTERS at most.
    """
    if transcript is None or not transcript.segments:
        return None
    lines: list[dict[str, Any]] = []
    characters = 0
    for segment in transcript.segments[:MOST_LINES]:
        characters += len(segment.text)
        if lines and characters > MOST_CHARACTERS:
            break
        lines.append({"t": clock(segment.start), "text": segment.text, "start": segment.start, "end": segment.end})
    return {"title": _title(transcript, len(lines)), "lines": lines}


def line_regions(block: dict[str, Any] | None) -> list[dict[str, Any]]:
    """The parts of a prediction for the lines of a block: a region over each, with its text to correct."""
    where = {"from_name": NAMES.said, "to_name": NAMES.spoken, "type": "textarea"}
    return [
        where | {"id": f"{NAMES.line}{place}", "value": whole_line(place, line["text"]) | {"text": [line["text"]]}}
        for place, line in enumerate(block["lines"] if block is not None else ())
    ]


def _title(transcript: Transcript, shown: int) -> str:
    there = len(transcript.segments)
    source = _SOURCES.get(transcript.source or "", "")
    words = ", ".join(filter(None, (source, transcript.language)))
    which = f"the first {shown} of {there} lines are shown" if shown < there else ""
    return "What is said" + (f" ({words})" if words else "") + (f": {which}" if which else "")
