"""A corrected line of the transcript is applied to the line that was shown, and to no other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.dataset.rows import row_of
from curation.review.content_hash import content_sha256
from curation.review.rules import applied
from schemas.configuration.review_config import ReviewConfig
from schemas.parts.transcript import SpokenSegment, SpokenWord, Transcript
from schemas.records import Rejection, Review, Sample, SampleScores
from schemas.review import CorrectedLine, Verdict
from schemas.safe_text import clean_text
from schemas.time import Seconds
from tests.curation.people import shown, verdict, verdicts_on
from tests.curation.samples import SCORES, make_sample

RULES = ReviewConfig()


def segment(start: float, text: str) -> SpokenSegment:
    words = (SpokenWord(start=Seconds(start), text=text.split()[0]),)
    return SpokenSegment(start=Seconds(start), end=Seconds(start + 1), text=text, words=words)


SAID = Transcript(
    source="automatic",
    language="en",
    segments=(segment(0, "Now the kight."), segment(1, "It is red."), segment(2, "End.")),
)
PLAIN = make_sample(scores=SCORES)
SAMPLE = PLAIN.model_copy(update={"transcript": SAID})


def line(index: int, after: str) -> CorrectedLine:
    own = SAID.segments[index]
    return CorrectedLine(index=index, start=own.start, before=own.text, after=after)


def fixed(*lines: CorrectedLine, sample: Sample = SAMPLE, decision: str = "fix", **other: Any) -> Sample:
    outcome = applied(sample, [verdict(sample, decision, transcript=lines, **other)], RULES)
    assert not isinstance(outcome, Rejection)
    return outcome


def test_the_line_becomes_the_persons_text_and_has_no_timed_words() -> None:
    outcome = fixed(line(0, " Now the\nkite.\x00"), decision="accept")
    assert outcome.transcript is not None
    first, *others = outcome.transcript.segments
    assert first == SAID.segments[0].model_copy(update={"text": "Now the kite.", "words": ()})
    assert others == list(SAID.segments[1:])
    assert outcome.review == Review(
        status="fixed", reviewers=("ann",), accept=0, fix=1, editor="ann", transcript_edited=(0,)
    )
    assert outcome.summary == SAMPLE.summary and outcome.captions == SAMPLE.captions, "nothing is written again"
    assert outcome.scores == SampleScores(binding_match=SCORES.binding_match), "nobody measured what the person wrote"
    row = row_of(outcome, "train", None)
    assert row["transcript"]["segments"][0]["text"] == "Now the kite."
    assert row["review"]["transcript_edited"] == [0] and row["review"]["edited"]


def test_a_correction_changes_no_verdicts_content() -> None:
    assert content_sha256(SAMPLE) == content_sha256(PLAIN)
    assert content_sha256(fixed(line(1, "It is blue."))) == content_sha256(PLAIN)


def test_without_transcripts_a_row_and_a_record_are_as_ever() -> None:
    assert "transcript_edited" not in PLAIN.canonical() and "transcript" not in verdict(PLAIN).canonical()
    assert "transcript_edited" not in row_of(PLAIN, "train", None)["review"]
    assert row_of(SAMPLE, "train", None)["review"]["transcript_edited"] == []


def test_a_correction_that_changes_nothing_is_none() -> None:
    already = SAMPLE.model_copy(
        update={"transcript": SAID.model_copy(update={"segments": (segment(0, "Now the kite."),)})}
    )
    assert fixed(line(0, "Now the kite."), sample=already).review.dispute == "fix_without_edits"
    assert fixed(line(1, " It  is red. "), decision="accept").review.status == "accepted"


@pytest.mark.parametrize(
    "wrong",
    [
        {"before": "Now the kind."},
        {"start": 0.5},
        {"index": 7},
    ],
)
def test_a_line_that_is_another_now_is_disputed_and_the_whole_verdict_with_it(wrong: dict[str, Any]) -> None:
    keyframes = shown(SAMPLE, k3={"judged": "drop"})
    outcome = fixed(line(0, "Now the kite.").model_copy(update=wrong), keyframes=keyframes)
    assert (outcome.review.status, outcome.review.dispute) == ("disputed", "unknown_line")
    assert outcome.model_copy(update={"review": Review()}) == SAMPLE


@pytest.mark.parametrize("cased", [str.upper, str.lower, lambda text: f"{text.title()}!!"])
def test_a_line_with_another_case_and_punctuation_is_the_same_line(cased: Callable[[str], str]) -> None:
    """A denoiser that is turned on after a review makes this of the lines that people corrected."""
    first, *others = SAID.segments
    now = SAID.model_copy(update={"segments": (first.model_copy(update={"text": cased(first.text)}), *others)})
    outcome = fixed(line(0, "Now the kite."), sample=SAMPLE.model_copy(update={"transcript": now}))
    assert outcome.review.status == "fixed" and outcome.transcript is not None
    assert outcome.transcript.segments[0].text == "Now the kite."


def test_where_no_transcript_is_made_any_more_the_rest_of_the_verdict_counts() -> None:
    assert fixed(line(0, "Now the kite."), sample=PLAIN).review.dispute == "fix_without_edits"
    assert fixed(line(0, "Now the kite."), sample=PLAIN, decision="accept").review.status == "accepted"
    outcome = fixed(line(0, "Now the kite."), sample=PLAIN, keyframes=shown(PLAIN, k3={"judged": "drop"}))
    assert outcome.review.status == "fixed" and outcome.review.keyframes_dropped == (3,)


@given(st.lists(verdicts_on(SAMPLE), max_size=4))
def test_whatever_people_say_lines_that_nobody_corrected_stay(verdicts: list[Verdict]) -> None:
    outcome = applied(SAMPLE, verdicts, RULES)
    if isinstance(outcome, Rejection):
        return
    assert Sample.model_validate_json(outcome.canonical()) == outcome  # model_copy does not validate
    assert outcome.transcript is not None
    for place, (was, now) in enumerate(zip(SAID.segments, outcome.transcript.segments, strict=True)):
        if place in outcome.review.transcript_edited:
            assert now.text == clean_text(now.text) != clean_text(was.text) and now.words == ()
        else:
            assert now == was


def test_people_who_corrected_a_line_unlike_do_not_agree() -> None:
    strict = ReviewConfig(adjudication="disagreements")
    votes = [
        verdict(SAMPLE, "fix", "ann", transcript=(line(0, "Now the kite."),)),
        verdict(SAMPLE, "fix", "bob", transcript=(line(0, "Now the knight."),)),
    ]
    outcome = applied(SAMPLE, votes, strict)
    assert isinstance(outcome, Sample) and outcome.review.dispute == "disagreement"
    same = [vote.model_copy(update={"transcript": votes[0].transcript}) for vote in votes]
    agreed = applied(SAMPLE, same, strict)
    assert isinstance(agreed, Sample) and agreed.review.status == "fixed"
