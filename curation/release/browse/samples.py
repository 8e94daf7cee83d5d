"""A sample as the browse page shows it: everything of its row but pictures, and its captions by themselves."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from curation.release.browse.overview import NOT_STATED, SCORES, part, parts
from curation.release.browse.texts import number, search_text, shown

COLUMNS = (
    *("id", "split", "title", "source", "licence", "publication", "file", "meta.duration", "meta.sampled_frames"),
    *("ratio", "sampling_fps", "keyframes[].time", "keyframes[].caption", "captions[].time", "captions[].text"),
    *("captions[].reused_from", "captions_failed", "summary.v2t", "summary.v2vt", "defects", "scores", "filters"),
    *("provenance", "review"),
)
LEAD = 150  # characters of the summary in the list of samples
_TITLE, _SHORT = 300, 500

Row = Mapping[str, Any]


def _unsupported(row: Row) -> bool:
    return (number(part(row, "scores").get("unsupported")) or 0) > 0


def _mismatched(row: Row) -> bool:
    match = number(part(row, "scores").get("binding_match"))
    return match is not None and match <= 0.5


def _uncaptioned(row: Row) -> bool:
    return bool(parts(row, "captions_failed") or part(row, "review").get("captions_withdrawn"))


# Names of problems, what the page says of them, and which rows have them. The order is that of the bits in a row.
PROBLEMS: tuple[tuple[str, str, Callable[[Row], bool]], ...] = (
    ("unsupported", "a sentence without support", _unsupported),
    ("mismatched", "captions fit their own frames no better than others", _mismatched),
    ("uncaptioned", "frames without a caption", _uncaptioned),
    ("damaged", "a damaged video file", lambda row: bool(row.get("defects"))),
    ("filtered", "beyond a filter's limit", lambda row: any(f.get("passed") is False for f in parts(row, "filters"))),
    ("disputed", "people disagree", lambda row: part(row, "review").get("status") == "disputed"),
)


def problems(row: Row) -> int:
    """The problems of a row, as bits in the order of `PROBLEMS`."""
    return sum(1 << place for place, (_, _, has) in enumerate(PROBLEMS) if has(row))


def title(row: Row) -> str | None:
    """The title for the list of samples."""
    return shown(row.get("title"), _TITLE)


def texts(row: Row) -> str:
    """What a search looks through: id, title, channel, categories, tags and summaries, folded."""
    published, whole = part(row, "publication"), shown(part(row, "summary").get("v2t"))
    sentences = " ".join(filter(None, (shown(line.get("text")) for line in parts(part(row, "summary"), "v2vt"))))
    names = [shown(published.get(name)) for name in ("channel", "uploader")]
    listed = [each for name in ("categories", "tags") for each in _texts(published.get(name))]
    own = sentences if sentences != whole else None  # people may have edited one of them
    return search_text([shown(row.get("id")), shown(row.get("title")), *dict.fromkeys(names), *listed, whole, own])


def details(row: Row, address: str | None) -> dict[str, Any]:
    """All that the page of a sample shows, without its captions. `address`: where the video is, as `default` has it."""
    summary, meta = part(row, "summary"), part(row, "meta")
    return {
        "title": shown(row.get("title"), 2 * _SHORT),
        "address": shown(address, 4 * _SHORT),
        "split": shown(row.get("split")) or NOT_STATED,
        "licence": shown(row.get("licence"), _SHORT),
        "duration": number(meta.get("duration")),
        "frames": number(meta.get("sampled_frames")),
        "fps": number(row.get("sampling_fps")),
        "ratio": number(row.get("ratio")),
        "keyframes": [[number(each.get("time")), shown(each.get("caption"))] for each in parts(row, "keyframes")],
        "summary": shown(summary.get("v2t")),
        "sentences": [[_numbers(each.get("times")), shown(each.get("text"))] for each in parts(summary, "v2vt")],
        "scores": [[name, number(part(row, "scores").get(name))] for name in SCORES],
        "filters": [
            [shown(each.get("name")), _value(each), each.get("passed") is True, shown(each.get("detail"), _SHORT)]
            for each in parts(row, "filters")
        ],
        "defects": [shown(each, _SHORT) for each in _texts(row.get("defects"))],
        "captions": len(parts(row, "captions")),
        "published": _table(part(row, "publication")),
        "source": _table(part(row, "source")),
        "file": _table(part(row, "file")),
        "made": [[stage, _table(part(part(row, "provenance"), stage))] for stage in ("caption", "extract", "refine")],
        "review": _table(part(row, "review")),
    }


def captions(row: Row) -> list[list[Any]]:
    """All captions of a sample by time: `[seconds, text, null]`, or `[seconds, null, reason]` for a missing one."""
    times = [number(each.get("time")) for each in parts(row, "captions")]
    made: list[list[Any]] = [
        [time, shown(each.get("text")), None] for time, each in zip(times, parts(row, "captions"), strict=True)
    ]
    made += [
        [number(each.get("time")), None, shown(each.get("reason"), _SHORT)] for each in parts(row, "captions_failed")
    ]
    return sorted(made, key=lambda each: each[0] or 0)


def _table(values: Row) -> list[list[str]]:
    """A structure as names and texts; parts that are empty are left out."""
    found = [[name, _text(value)] for name, value in values.items()]
    return [[name, text] for name, text in found if text]


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str):
        return shown(value, 2 * _SHORT) or ""
    if isinstance(value, dict):
        return ", ".join(f"{name} {text}" for name, text in _table(value))
    if isinstance(value, list):
        return "; ".join(filter(None, map(_text, value)))
    exact = number(value)
    return "" if exact is None else str(round(exact, 3) if isinstance(exact, float) else exact)


def _value(score: Row) -> str:
    return next((text for name in ("number", "text", "flag") if (text := _text(score.get(name)))), "")


def _texts(value: Any) -> list[str]:
    return [text for each in value if (text := shown(each, _SHORT))] if isinstance(value, list) else []


def _numbers(value: Any) -> list[float]:
    return [exact for each in value if (exact := number(each)) is not None] if isinstance(value, list) else []
