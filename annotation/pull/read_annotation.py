"""Makes a `Verdict` of a Label Studio annotation, which may be hostile or come from another version of the screen.

Parts that are not understood are named in the verdict's `problems`; the pull stores such annotations whole in a file.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from annotation.label_studio.interface import DECISIONS, JUDGEMENTS, NAMES, VERSION, shown
from annotation.pull.corrected_lines import corrected_lines
from annotation.pull.task_data import TaskData, Unreadable, read_task_data
from schemas.review import REASONS, AddedKeyframe, KeyframeVerdict, Verdict
from schemas.time import FrameIndex, clock, index_to_seconds, round_half_up

SKIPPED, EMPTY = "skipped", "empty"
NO_REGION = (
    "the regions of all keyframes are missing: were they deleted? The keyframes count as unchanged; to reject a sample "
    "of bad keyframes, choose reject"
)
_SLUGS = {shown(reason): reason for reason in REASONS}
_LONGEST = 300
_LONGEST_SECONDS = 1e9  # that an annotation can have taken: 30 years
_MISSED = re.compile(
    r"\s*\[?(?:(?:(?P<h>[0-9]{1,3}):)?(?P<m>[0-9]{1,4}):)?(?P<s>[0-9]{1,6}(?:[.,][0-9]{1,6})?)(?:\s*s\b)?\]?"
    r"(?:[\s,;:–-]+(?P<text>.*)|(?<=\])(?P<close>.*))?",
    re.DOTALL,
)


def read_annotation(task: Mapping[str, Any], annotation: Mapping[str, Any], project: str, annotator: str) -> Verdict:
    """The verdict in an annotation of a task; both are as the server describes them.

    `project` is the project's key; `annotator` is a pseudonym. The verdict's origin holds the key and the annotation's
    unique id, because a server that was restored from a backup gives the same numbers to other annotations. Raises
    Unreadable when the task or the annotation does not have our form.
    """
    data = read_task_data(task.get("data"))
    reader = _Reader(data)
    results = annotation.get("result")
    if not isinstance(results, list):
        raise Unreadable("its result is not a list")
    for item in results:
        reader.take(item)
    cancelled = bool(annotation.get("was_cancelled"))
    corrected, unclear = corrected_lines(data.lines, reader.lines)
    problems = [*reader.problems, *unclear, *([NO_REGION] if reader.lost_regions() else [])]
    if cancelled:
        problems = [SKIPPED, *problems]
    elif not results:
        problems = [EMPTY, *problems]
    elif reader.decision is None:
        problems = ["no decision", *problems]
    unique = str(annotation.get("unique_id") or annotation.get("created_at") or "")[:40]
    lead = annotation.get("lead_time")
    known = isinstance(lead, int | float) and not isinstance(lead, bool) and 0 <= lead < _LONGEST_SECONDS
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
            transcript=corrected,
            seconds=round(float(lead), 3) if known and lead is not None else None,
            comment="\n".join(reader.comments),
            problems=tuple(problems),
        )
    except ValidationError as error:
        raise Unreadable("; ".join(str(detail["msg"]) for detail in error.errors()[:3])) from error


class _Reader:
    """Collects the values of an annotation's parts. `problems`: the parts that were not understood, in order.

    `lines`: the texts of the transcript's lines by their places; none of an emptied line.
    """

    def __init__(self, task: TaskData) -> None:
        self.task = task
        self.decision: Any = None
        self.reasons: set[str] = set()
        self.rating: int | None = None
        self.comments: list[str] = []
        self.problems: list[str] = []
        self.lines: dict[int, list[str]] = {}
        self._summary: list[str] = []
        self._captions: dict[int, list[str]] = {}
        self._judged: dict[int, Any] = {}
        self._marked: set[int] = set()
        self._first_version = False
        self._added: dict[FrameIndex, str | None] = {}

    def take(self, item: Any) -> None:
        """Read one part of the result; an unknown part becomes a problem."""
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
        elif name in (NAMES.marks, NAMES.captions):
            self._take_region(name, value)
        elif name == NAMES.said:
            self._take_line(value)
        elif (place := self._place(name, NAMES.caption)) is not None:
            self._first_version = True
            self._captions.setdefault(place, []).extend(_texts(value))
        elif (place := self._place(name, NAMES.judged)) is not None:
            self._judged[place] = self._choice(value, JUDGEMENTS, name)
        else:
            self._note(f"unknown field {name}", value)

    def lost_regions(self) -> bool:
        """Whether none of the keyframes' regions is there, although the annotator had the screen that shows them.

        They were deleted by hand, all of them; or an annotation of the first version of the screen was opened again.
        """
        of_this_screen = self.task.interface >= VERSION and not self._first_version
        return bool(of_this_screen and self._summary and self.task.frames and not self._marked and not self._captions)

    def keyframes(self) -> tuple[KeyframeVerdict, ...]:
        """A verdict on every keyframe that was shown.

        In the first version of the screen, a caption that is missing although other texts are present was emptied by
        hand; now an emptied caption is an empty text. A keyframe whose region is missing although others have theirs
        was deleted by hand: it is dropped, with its caption as it was.
        """
        first_version = self._first_version or (self.task.interface < VERSION and not self._marked)
        prefilled = first_version and bool(self._captions or self._summary)
        verdicts = []
        for place, frame in enumerate(self.task.frames):
            texts = self._captions.get(place)
            deleted = bool(self._marked) and place not in self._marked
            text = " ".join(texts) if texts is not None else "" if prefilled else frame.caption
            changed = " ".join(text.split()) != " ".join(frame.caption.split())
            judged = "drop" if deleted else self._judged.get(place)
            verdicts.append(
                KeyframeVerdict(
                    index=frame.frame, judged=judged, caption=text if changed else frame.caption, changed=changed
                )
            )
        return tuple(verdicts)

    def added(self) -> tuple[AddedKeyframe, ...]:
        """The keyframes that the annotator added, by ascending time."""
        fps = self.task.sampled_fps
        return tuple(
            AddedKeyframe(index=index, time=index_to_seconds(index, fps), caption=caption)
            for index, caption in sorted(self._added.items())
        )

    def summary(self) -> str | None:
        """The summary as the annotator left it; None when it is unchanged or was not part of the annotation."""
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
        """Read lines such as `0:21 A dog runs in`: a time, and a caption that may be missing."""
        for line in filter(str.strip, text.splitlines()):
            match = _MISSED.fullmatch(line)
            if match is None:
                self._note("a missed keyframe without its time", line)
                continue
            seconds = float(match["s"].replace(",", "."))
            seconds += 60 * int(match["m"] or 0) + 3600 * int(match["h"] or 0)
            self._add(seconds, (match["text"] or match["close"] or "").strip() or None)

    def _take_region(self, name: str, value: Mapping[str, Any]) -> None:
        """Read a keyframe's mark or its caption, both of which belong to the region over its caption."""
        place = self._place(str(value.get("start")), "")
        if place is None:
            self._note(f"{name} of no keyframe", value)
            return
        if name == NAMES.captions:
            self._captions.setdefault(place, []).extend(_texts(value))
            return
        self._marked.add(place)
        mark = self._choice({"choices": value.get("paragraphlabels")}, (*JUDGEMENTS, NAMES.unjudged), name)
        if mark != NAMES.unjudged:
            self._judged[place] = mark

    def _take_line(self, value: Mapping[str, Any]) -> None:
        """Read the text of a line of the transcript."""
        place = _position(str(value.get("start")), len(self.task.lines))
        if place is None:
            self._note(f"{NAMES.said} of no line", value)
        else:
            self.lines.setdefault(place, []).extend(_texts(value))

    def _take_segment(self, item: Mapping[str, Any], value: Mapping[str, Any]) -> None:
        """Read a part of the time line that the annotator drew: it adds the sampled frame nearest to its middle."""
        labels = _words(value.get("timelinelabels"))
        if NAMES.missed_label not in labels and (
            item.get("id") == NAMES.segments or item.get("origin") == "prediction"
        ):
            return  # the model's own keyframes on the time line; people drop those beside the pictures
        if NAMES.missed_label not in labels and NAMES.keyframe_label not in labels:
            self._note("unknown label", value)
            return
        ranges = value.get("ranges")
        for drawn in ranges if isinstance(ranges, list) else []:
            try:
                first, last = float(drawn["start"]), float(drawn["end"])
            except (KeyError, TypeError, ValueError, OverflowError):
                self._note("a stretch without its ends", drawn)
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
        """The keyframe's position in a field's name; None for another field, or when there is no such keyframe."""
        return _position(name.removeprefix(prefix), len(self.task.frames)) if name.startswith(prefix) else None

    def _choice(self, value: Mapping[str, Any], known: Sequence[str], name: str) -> Any:
        words = _words(value.get("choices"))
        if len(words) == 1 and words[0] in known:
            return words[0]
        self._note(f"unknown choice in {name}", words)
        return None

    def _note(self, what: str, value: Any) -> None:
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
        self.problems.append(_encodable(f"{what}: {text[:_LONGEST]}"))


def _position(number: str, count: int) -> int | None:
    """A whole number below `count`; None for any other text."""
    if not (number.isascii() and number.isdigit()) or len(number) > 6:
        return None
    return int(number) if int(number) < count else None


def _texts(value: Mapping[str, Any]) -> list[str]:
    """The texts of a text area that are not blank."""
    text = value.get("text")
    texts = text if isinstance(text, list) else [text]
    return [_encodable(text) for text in texts if isinstance(text, str) and text.strip()]


def _words(value: Any) -> list[str]:
    return [word for word in value if isinstance(word, str)] if isinstance(value, list) else []


def _encodable(text: str) -> str:
    """Text that UTF-8 can encode: halves of surrogate pairs become question marks."""
    return text.encode(errors="replace").decode()
