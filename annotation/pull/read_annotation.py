"""From a Label Studio annotation to a `Verdict`. What comes in is hostile, or from another version of the screen.

What cannot be understood is named in the verdict's `problems`; the pull keeps such annotations whole beside the ledger.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from annotation.label_studio.interface import DECISIONS, JUDGEMENTS, NAMES, shown
from annotation.pull.task_data import Unreadable, _sound, _Task, _task, _texts, _words
from annotation.push.task import clock
from schemas.review import REASONS, AddedKeyframe, KeyframeVerdict, Verdict
from schemas.time import FrameIndex, index_to_seconds, round_half_up

SKIPPED, EMPTY = "skipped", "empty"
_SLUGS = {shown(reason): reason for reason in REASONS}
_LONGEST = 300
_MISSED = re.compile(
    r"\s*\[?(?:(?:(?P<h>[0-9]{1,3}):)?(?P<m>[0-9]{1,4}):)?(?P<s>[0-9]{1,6}(?:[.,][0-9]{1,6})?)(?:\s*s\b)?\]?"
    r"(?:[\s,;:–-]+(?P<text>.*)|(?<=\])(?P<close>.*))?",
    re.DOTALL,
)


def read_annotation(task: Mapping[str, Any], annotation: Mapping[str, Any], project: str, annotator: str) -> Verdict:
    """The verdict that an annotation of a task is. Raises Unreadable when task or annotation are not of our making.

    `project` is the project's key and becomes part of the origin, with the annotation's own unique id: a server that
    was restored from a backup gives the same numbers to other annotations.
    """
    data = _task(task.get("data"))
    reader = _Reader(data)
    results = annotation.get("result")
    if not isinstance(results, list):
        raise Unreadable("its result is no list")
    for item in results:
        reader.take(item)
    cancelled = bool(annotation.get("was_cancelled"))
    problems = reader.finish()
    if cancelled:
        problems = [SKIPPED, *problems]
    elif not results:
        problems = [EMPTY, *problems]
    elif reader.decision is None:
        problems = ["no decision", *problems]
    unique = str(annotation.get("unique_id") or annotation.get("created_at") or "")[:40]
    lead = annotation.get("lead_time")
    known = isinstance(lead, int | float) and not isinstance(lead, bool) and math.isfinite(lead) and lead >= 0
    try:
        return Verdict(
            sample_id=data.sample_id,
            content_sha256=data.content,
            annotator=annotator,
            origin=f"label-studio:{project}:{task.get('id')}:{annotation.get('id')}:{unique}",
            updated_at=str(annotation.get("updated_at") or annotation.get("created_at") or ""),
            stratum=data.stratum,
            decision=None if cancelled else reader.decision,
            reasons=tuple(reason for reason in REASONS if reason in reader.reasons),
            rating=reader.rating,
            keyframes=reader.keyframes(),
            added=reader.added(),
            summary=reader.summary(),
            seconds=round(float(lead), 3) if known and lead is not None else None,
            comment="\n".join(reader.comments),
            problems=tuple(problems),
        )
    except ValidationError as error:
        raise Unreadable("; ".join(str(one["msg"]) for one in error.errors()[:3])) from error


class _Reader:
    """Gathers what the parts of an annotation say."""

    def __init__(self, task: _Task) -> None:
        self.task = task
        self.decision: Any = None
        self.reasons: set[str] = set()
        self.rating: int | None = None
        self.comments: list[str] = []
        self._summary: list[str] = []
        self._captions: dict[int, list[str]] = {}
        self._judged: dict[int, Any] = {}
        self._added: dict[FrameIndex, str | None] = {}
        self._problems: list[str] = []

    def take(self, item: Any) -> None:
        """One part of the result; what is not ours is named."""
        if not isinstance(item, Mapping) or not isinstance(item.get("value"), Mapping):
            self._note("a part without a value", item)
            return
        name, value = str(item.get("from_name")), item["value"]
        if name == NAMES.decision:
            self.decision = self._choice(value, DECISIONS, name)
        elif name == NAMES.reasons:
            self._take_reasons(value)
        elif name == NAMES.rating:
            self._take_rating(value)
        elif name == NAMES.summary:
            self._summary += _texts(value)
        elif name == NAMES.comment:
            self.comments += _texts(value)
        elif name == NAMES.missed:
            for text in _texts(value):
                self._take_missed(text)
        elif name == NAMES.segments:
            self._take_segment(item, value)
        elif (place := self._place(name, NAMES.caption)) is not None:
            self._captions.setdefault(place, []).extend(_texts(value))
        elif (place := self._place(name, NAMES.judged)) is not None:
            self._judged[place] = self._choice(value, JUDGEMENTS, name)
        else:
            self._note(f"unknown field {name}", value)

    def finish(self) -> list[str]:
        """What was not understood, in order."""
        return self._problems

    def keyframes(self) -> tuple[KeyframeVerdict, ...]:
        """Every keyframe that was shown. A caption that is gone where other texts are there was emptied by hand."""
        prefilled = bool(self._captions or self._summary)
        found = []
        for place, frame in enumerate(self.task.frames):
            texts = self._captions.get(place)
            text = " ".join(texts) if texts is not None else "" if prefilled else frame.caption
            changed = " ".join(text.split()) != " ".join(frame.caption.split())
            judged = self._judged.get(place)
            found.append(
                KeyframeVerdict(
                    index=frame.frame, judged=judged, caption=text if changed else frame.caption, changed=changed
                )
            )
        return tuple(found)

    def added(self) -> tuple[AddedKeyframe, ...]:
        """Keyframes that the annotator missed, by time."""
        fps = self.task.sampled_fps
        return tuple(
            AddedKeyframe(index=index, time=index_to_seconds(index, fps), caption=caption)
            for index, caption in sorted(self._added.items())
        )

    def summary(self) -> str | None:
        """The summary as it was left; None when it was not touched, or was not there to be touched."""
        if not self._summary:
            return "" if self._captions and self.task.summary else None
        text = "\n".join(self._summary)
        return None if text.split() == self.task.summary.split() else text

    def _take_reasons(self, value: Mapping[str, Any]) -> None:
        for word in _words(value.get("choices")):
            slug = _SLUGS.get(word, word)
            if slug in REASONS:
                self.reasons.add(slug)
            else:
                self._note("unknown reason", word)

    def _take_rating(self, value: Mapping[str, Any]) -> None:
        stars = value.get("rating")
        if isinstance(stars, int) and not isinstance(stars, bool) and 1 <= stars <= 5:
            self.rating = stars
        elif stars:
            self._note("unknown rating", stars)

    def _take_missed(self, text: str) -> None:
        """`0:21 A dog runs in`: a time and, if there is one, the caption."""
        for line in filter(str.strip, text.splitlines()):
            found = _MISSED.fullmatch(line)
            if found is None:
                self._note("a missed keyframe without its time", line)
                continue
            seconds = float(found["s"].replace(",", "."))
            seconds += 60 * int(found["m"] or 0) + 3600 * int(found["h"] or 0)
            self._add(seconds, (found["text"] or found["close"] or "").strip() or None)

    def _take_segment(self, item: Mapping[str, Any], value: Mapping[str, Any]) -> None:
        """A stretch of the time line that the annotator drew: the sampled frame nearest to its middle."""
        labels = _words(value.get("timelinelabels"))
        if NAMES.missed_label not in labels and (
            item.get("id") == NAMES.segments or item.get("origin") == "prediction"
        ):
            return  # what the model chose, shown on the time line; keyframes are dropped at their pictures
        if NAMES.missed_label not in labels and NAMES.keyframe_label not in labels:
            self._note("unknown label", value)
            return
        ranges = value.get("ranges")
        for one in ranges if isinstance(ranges, list) else []:
            try:
                first, last = float(one["start"]), float(one["end"])
            except (KeyError, TypeError, ValueError, OverflowError):
                self._note("a stretch without its ends", one)
                continue
            middle = (first + max(first, last)) / 2
            self._add((middle - 1) / self.task.fps, None)  # Label Studio counts frames from 1

    def _add(self, seconds: float, caption: str | None) -> None:
        end = self.task.sampled / self.task.sampled_fps
        if not math.isfinite(seconds) or seconds > end + 1 / self.task.sampled_fps:
            self._note("a missed keyframe after the end", f"{seconds:.2f} s {caption or ''}")
            return
        place = round_half_up(max(0.0, seconds) * self.task.sampled_fps)
        index = FrameIndex(min(place, self.task.sampled - 1))
        before = self._added.get(index)
        if before and caption and before != caption:
            self._note("a second caption of the same moment", f"{clock(seconds)} {caption}")
        self._added[index] = before or caption

    def _place(self, name: str, prefix: str) -> int | None:
        """The keyframe's place of a field's name; None when it is no such field, or there is no such keyframe."""
        number = name.removeprefix(prefix)
        if number == name or not (number.isascii() and number.isdigit()) or len(number) > 6:
            return None
        return int(number) if int(number) < len(self.task.frames) else None

    def _choice(self, value: Mapping[str, Any], known: Sequence[str], name: str) -> Any:
        words = _words(value.get("choices"))
        if len(words) == 1 and words[0] in known:
            return words[0]
        self._note(f"unknown choice in {name}", words)
        return None

    def _note(self, what: str, value: Any) -> None:
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
        self._problems.append(_sound(f"{what}: {text[:_LONGEST]}"))
