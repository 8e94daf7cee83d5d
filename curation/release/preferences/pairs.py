"""The preference pairs in the verdicts on one sample. Pure functions.

- A pair comes from a vote that counts (curation/review/rules.py) and decides `fix`, an `accept` with edits included.
  An adjudication replaces all votes: then only its own edits give pairs. Edits that cannot be applied give none.
- A caption gives a pair where the person rewrote one that was on the screen. One that was judged wrong and not
  rewritten gives none, since nothing was chosen; nor does the caption of an added keyframe, since the person had not
  seen the model's.
- Keyframes give a pair where the person dropped or added some, a summary where the person rewrote it. A summary that
  lost citations through a dropped keyframe alone gives none: nobody wrote it.
- Nothing of a video that is not published, and no caption of a frame that is no keyframe in the published row.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, NamedTuple

from curation.release.preferences.questions import Asked, Questions, offered_seconds
from curation.review.edits import Inapplicable, edited
from curation.review.rules import Ruling, Vote
from curation.text import extract, refine
from schemas.records import Sample
from schemas.time import FrameIndex

Kind = Literal["caption", "keyframes", "summary"]
CORRECTED = "captions_corrected"  # the same person corrected captions that the prompt shows
SAID_CORRECTED = "transcript_corrected"  # or lines of what is said, which it shows too


class Pair(NamedTuple):
    """What a person preferred to what the model had made, both in the form in which the model answers.

    `frame`: the index of a captioned frame. `departs`: why `chosen` could not be an answer to the question, as a slug;
    None where it could. `applied`: the published row carries this vote's edits.
    """

    kind: Kind
    frame: FrameIndex | None
    asked: Asked
    chosen: str
    rejected: str
    departs: str | None
    vote: Vote
    applied: bool


def pairs(sample: Sample, ruled: Ruling, questions: Questions) -> Iterator[Pair]:
    """The pairs of a sample, as the models made it: by pseudonym, then captions by frame, keyframes, summary."""
    if ruled.outcome == "reject":
        return
    shown = set((sample if ruled.deciding is None else edited(sample, ruled.deciding.edits)).extract.keyframes)
    for vote in (ruled.adjudication,) if ruled.adjudication is not None else ruled.votes:
        if vote.decision != "fix" or not vote.edits:
            continue
        try:
            fixed = edited(sample, vote.edits)
        except Inapplicable:
            continue
        applied = vote is ruled.deciding
        yield from _captions(sample, vote, applied, shown, questions)
        yield from _keyframes(sample, fixed, vote, applied, questions)
        yield from _summary(sample, fixed, vote, applied, questions)


def _captions(
    sample: Sample, vote: Vote, applied: bool, shown: set[FrameIndex], questions: Questions
) -> Iterator[Pair]:
    own = {caption.index: caption.text for caption in sample.captions.captions}
    for index, text in vote.edits.captions:
        if text is not None and index in own and index in shown:
            asked = questions.caption(sample, index)
            yield Pair("caption", index, asked, text, own[index], asked.fault(text), vote, applied)


def _keyframes(sample: Sample, fixed: Sample, vote: Vote, applied: bool, questions: Questions) -> Iterator[Pair]:
    chosen = offered_seconds(sample, fixed.extract.keyframes)
    rejected = offered_seconds(sample, sample.extract.keyframes)
    if chosen != rejected:
        asked = questions.keyframes(sample)
        answer = extract.reply_of(chosen)
        yield Pair("keyframes", None, asked, answer, extract.reply_of(rejected), asked.fault(answer), vote, applied)


def _summary(sample: Sample, fixed: Sample, vote: Vote, applied: bool, questions: Questions) -> Iterator[Pair]:
    if fixed.review.summary_edited:
        asked = questions.summary(sample)
        answer = refine.reply_of(fixed.summary.v2vt)
        corrected = CORRECTED if vote.edits.captions else SAID_CORRECTED if vote.edits.lines else None
        departs = asked.fault(answer) or corrected
        yield Pair("summary", None, asked, answer, refine.reply_of(sample.summary.v2vt), departs, vote, applied)
