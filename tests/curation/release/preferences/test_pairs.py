"""Pairs of any verdicts, sensible and absurd, against a plain reading of the published samples."""

import json
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.release.preferences.pairs import Pair, pairs
from curation.release.preferences.questions import Questions
from curation.review.content_hash import content_sha256
from curation.review.rules import applied, counted, ruling
from prompts import load
from schemas.configuration.loading import load_config
from schemas.configuration.review_config import ReviewConfig
from schemas.parts.transcript import SpokenSegment, Transcript
from schemas.records import Rejection, Sample
from schemas.repository import ROOT
from schemas.review import CorrectedLine, Verdict
from schemas.safe_text import clean_text
from schemas.time import Seconds
from tests.curation.people import verdict, verdicts_on
from tests.curation.samples import make_sample

SAMPLE = make_sample("v000", 6, (0, 2, 5))
CONFIG = load_config(ROOT / "configs" / "demo.yaml", ())
QUESTIONS = Questions({name: load(f"{name}-tiny.v1") for name in ("caption", "extract", "refine")}, CONFIG)
OWN = {caption.index: caption.text for caption in SAMPLE.captions.captions}


def found(said: Sequence[Verdict], rules: ReviewConfig) -> list[Pair]:
    return list(pairs(SAMPLE, ruling(SAMPLE, said, rules), QUESTIONS))


def rule(draw: st.DrawFn) -> ReviewConfig:
    return ReviewConfig(
        rule=draw(st.sampled_from(["majority", "any"])),
        adjudication=draw(st.sampled_from(["ties", "disagreements"])),
        min_seconds=draw(st.sampled_from([0.0, 20.0])),
    )


@pytest.mark.slow
@settings(max_examples=150)
@given(st.data())
def test_applied_pairs_are_what_the_published_row_says(data: st.DataObject) -> None:
    said, rules = data.draw(st.lists(verdicts_on(SAMPLE), max_size=5)), rule(data.draw)
    outcome, given_pairs = applied(SAMPLE, said, rules), found(said, rules)
    if isinstance(outcome, Rejection):
        assert given_pairs == []
        return
    review, mine = outcome.review, [pair for pair in given_pairs if pair.applied]
    assert {pair.vote.verdict.annotator for pair in mine} <= {review.editor}
    texts = {caption.index: caption.text for caption in outcome.captions.captions}
    rewritten = set(review.captions_edited) - set(review.keyframes_added)
    assert {pair.frame: pair.chosen for pair in mine if pair.kind == "caption"} == {i: texts[i] for i in rewritten}
    keyframes = [pair for pair in mine if pair.kind == "keyframes"]
    assert bool(keyframes) == (outcome.extract.keyframes != SAMPLE.extract.keyframes)
    for pair in keyframes:
        assert json.loads(pair.chosen) == {"keyframes": list(outcome.extract.times)}
        assert json.loads(pair.rejected) == {"keyframes": list(SAMPLE.extract.times)}
    summaries = [pair for pair in mine if pair.kind == "summary"]
    assert bool(summaries) == review.summary_edited
    for pair in summaries:
        assert [(one["keyframes"], one["text"]) for one in json.loads(pair.chosen)["sentences"]] == [
            (list(one.times), one.text) for one in outcome.summary.v2vt
        ]


@pytest.mark.slow
@settings(max_examples=150)
@given(st.data())
def test_every_pair_comes_from_a_verdict_that_counts_and_prefers_another_text(data: st.DataObject) -> None:
    said, rules = data.draw(st.lists(verdicts_on(SAMPLE), max_size=5)), rule(data.draw)
    counting = counted(said, SAMPLE.video.id, content_sha256(SAMPLE), rules)
    judges = [one for one in counting if one.stratum == "adjudication"] or counting
    seen = set()
    for pair in found(said, rules):
        verdict = pair.vote.verdict
        assert verdict in judges and verdict.decision in ("accept", "fix")
        assert clean_text(pair.chosen) != clean_text(pair.rejected)
        assert (pair.frame is None) == (pair.kind != "caption")
        if pair.frame is not None:
            written = {one.index: clean_text(one.caption) for one in verdict.keyframes if one.changed}
            written |= {one.index: clean_text(one.caption) for one in verdict.added if clean_text(one.caption or "")}
            assert pair.chosen == written[pair.frame] and pair.rejected == OWN[pair.frame]
            assert pair.frame in SAMPLE.extract.keyframes, "the person saw the model's caption"
        key = (verdict.annotator, pair.kind, pair.frame)
        assert key not in seen
        seen.add(key)


@given(st.data())
@settings(max_examples=50)
def test_the_order_of_verdicts_plays_no_part(data: st.DataObject) -> None:
    said, rules = (
        data.draw(st.lists(verdicts_on(SAMPLE), max_size=4, unique_by=lambda one: one.origin)),
        rule(data.draw),
    )

    def told(given_pairs: Sequence[Pair]) -> list[tuple[object, ...]]:
        return [(p.kind, p.frame, p.chosen, p.rejected, p.departs, p.vote, p.applied) for p in given_pairs]

    assert told(found(said, rules)) == told(found(list(reversed(said)), rules))


def test_a_summary_that_rests_on_corrected_speech_is_no_answer_to_the_prompt() -> None:
    segments = (SpokenSegment(start=Seconds(0), end=Seconds(1), text="Now the kight."),)
    sample = SAMPLE.model_copy(update={"transcript": Transcript(source="manual", segments=segments)})
    line = CorrectedLine(index=0, start=Seconds(0), before="Now the kight.", after="Now the kite.")

    def departures(**what: object) -> list[tuple[str, str | None]]:
        ruled = ruling(sample, [verdict(sample, "fix", **what)], ReviewConfig())
        return [(pair.kind, pair.departs) for pair in pairs(sample, ruled, QUESTIONS)]

    assert departures(transcript=(line,)) == [], "no model was asked what is said"
    told = "[0.0]A kite. [2.0]A map. [5.0]A dumpling."
    assert departures(summary=told, transcript=(line,)) == [("summary", "transcript_corrected")]
    assert departures(summary=told) == [("summary", None)]


def test_a_sample_nobody_judged_has_none() -> None:
    assert found([], ReviewConfig()) == [] and isinstance(applied(SAMPLE, [], ReviewConfig()), Sample)
