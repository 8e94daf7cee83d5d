"""The rules of verdicts, and samples with people's edits: properties first, then the rules one by one."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.dataset.rows import row_of
from curation.review.content_hash import content_sha256
from curation.review.edits import Edits, Inapplicable, edited, edits_of
from curation.review.rules import applied, counted, ruling
from curation.review.verdict_store import DATED_AHEAD, given_at
from schemas.configuration.review_config import ReviewConfig
from schemas.records import Rejection, Review, Sample, SampleScores, Sentence
from schemas.review import AddedKeyframe
from schemas.temporal import format_seconds
from tests.curation.people import shown, verdict, verdicts_on
from tests.curation.samples import SCORES, hostile_samples, make_sample

RULES = ReviewConfig()
SAMPLE = make_sample(scores=SCORES)
RULESETS = st.builds(
    ReviewConfig,
    rule=st.sampled_from(["majority", "any"]),
    adjudication=st.sampled_from(["ties", "disagreements"]),
    least=st.integers(1, 2),
    min_seconds=st.sampled_from([0.0, 20.0]),
)


@pytest.mark.slow
@given(hostile_samples("any"), st.data(), RULESETS, st.integers())
@settings(max_examples=150, deadline=None)
def test_any_verdicts_give_a_consistent_row_in_any_order(sample, data, rules, seed):
    verdicts = data.draw(st.lists(verdicts_on(sample), max_size=6))
    outcome = applied(sample, verdicts, rules)
    mixed = list(verdicts) + verdicts[:2]
    random.Random(seed).shuffle(mixed)
    assert applied(sample, mixed, rules) == outcome
    votes = counted(verdicts, sample.video.id, content_sha256(sample), rules)
    assert len({(v.annotator, v.stratum == "adjudication") for v in votes}) == len(votes)
    if isinstance(outcome, Rejection):
        assert outcome.stage == "review"
        assert any(v.decision == "reject" for v in votes)
        return
    review = outcome.review
    assert Sample.model_validate_json(outcome.canonical()) == outcome  # model_copy does not validate
    row = row_of(outcome, "train", None)  # raises when keyframes, captions and sentences contradict each other
    assert row["review"]["edited"] == (review.status == "fixed") == (review.editor is not None)
    assert set(outcome.extract.keyframes) == (
        set(sample.extract.keyframes) - set(review.keyframes_dropped) | set(review.keyframes_added)
    )
    if review.status != "fixed":
        assert outcome.model_copy(update={"review": Review()}) == sample
    else:
        assert outcome.model_copy(update={"review": Review()}) != sample
    if not votes:
        assert outcome == sample
    texts = {c.index: c.text for c in outcome.captions.captions}
    for caption in sample.captions.captions:  # captions that nobody edited are unchanged
        if caption.index not in (*review.captions_edited, *review.captions_withdrawn):
            assert texts[caption.index] == caption.text
    assert not set(review.captions_withdrawn) & texts.keys()


def test_the_latest_verdict_of_a_person_counts_and_only_on_this_content():
    early, late = verdict(SAMPLE, "reject", at=1), verdict(SAMPLE, "accept", at=2)
    assert applied(SAMPLE, [late, early], RULES).review.status == "accepted"
    stale = verdict(SAMPLE, "reject", "bob", content_sha256="0" * 64)
    half = verdict(SAMPLE, None, "ann", at=3)
    gold = verdict(SAMPLE, "reject", "cyd", stratum="gold")
    other = verdict(make_sample("v999"), "reject", "dan")
    outcome = applied(SAMPLE, [early, late, stale, half, gold, other], RULES)
    assert (outcome.review.status, outcome.review.reviewers) == ("accepted", ("ann",))


def test_the_same_moment_in_another_time_zone_is_not_later():
    utc = verdict(SAMPLE, "accept", updated_at="2026-03-01T12:00:00Z")
    east = verdict(SAMPLE, "reject", updated_at="2026-03-01T13:00:00+02:00")
    assert applied(SAMPLE, [utc, east], RULES).review.status == "accepted"


def cast(*decisions, **common):
    edit = {"keyframes": shown(SAMPLE, k3={"judged": "drop"})}
    return [
        verdict(SAMPLE, d, f"p{i}", at=i, **(edit if d == "fix" else {}), **common) for i, d in enumerate(decisions)
    ]


@pytest.mark.parametrize(
    ("decisions", "majority", "any_", "strict"),
    [
        (["accept"], "accept", "accept", "accept"),
        (["accept", "reject"], "disputed", "reject", "disputed"),
        (["accept", "fix"], "disputed", "fix", "disputed"),
        (["accept", "accept", "fix"], "accept", "fix", "disputed"),
        (["reject", "reject", "accept"], "reject", "reject", "disputed"),
        (["accept", "fix", "reject"], "disputed", "reject", "disputed"),
        (["fix", "fix"], "fix", "fix", "fix"),
        (["reject", "reject"], "reject", "reject", "reject"),
    ],
)
def test_the_rules(decisions, majority, any_, strict):
    votes = cast(*decisions)
    assert ruling(SAMPLE, votes, RULES).outcome == majority
    assert ruling(SAMPLE, votes, ReviewConfig(rule="any")).outcome == any_
    assert ruling(SAMPLE, votes, ReviewConfig(adjudication="disagreements")).outcome == strict


def test_the_latest_adjudication_decides():
    votes = cast("accept", "reject")
    judge = verdict(SAMPLE, "reject", "judge", at=5, stratum="adjudication", reasons=("harmful", "bad_text"))
    assert applied(SAMPLE, [*votes, judge], RULES) == Rejection(
        id="v000",
        stage="review",
        error_class="refused",
        reason="bad_text",
        evidence="rejected by an adjudicator: bad_text 1, harmful 1",
    )
    other = verdict(SAMPLE, "accept", "judge2", at=6, stratum="adjudication")
    outcome = applied(SAMPLE, [judge, other, *votes, *cast("reject", "reject", "reject")], RULES)
    assert outcome.review.status == "accepted"
    assert outcome.review.adjudicated
    half = verdict(SAMPLE, None, "judge3", at=7, stratum="adjudication")
    assert applied(SAMPLE, [*votes, half], RULES).review.status == "disputed"


def test_hasty_and_too_few_verdicts_do_not_count():
    votes = cast("reject", "accept")
    hasty = votes[0].model_copy(update={"seconds": 1.5})
    assert ruling(SAMPLE, [hasty, votes[1]], ReviewConfig(min_seconds=2)).outcome == "accept"
    assert applied(SAMPLE, [votes[1]], ReviewConfig(least=2)) == SAMPLE
    with pytest.raises(ValueError, match="least must not exceed annotators"):
        ReviewConfig(least=3, annotators=2)


def test_a_verdict_that_was_dated_in_the_future_is_never_the_latest():
    dated = verdict(SAMPLE, "reject", "a").model_copy(
        update={"updated_at": "2036-01-01T00:00:00Z", "problems": (DATED_AHEAD,)}
    )
    assert ruling(SAMPLE, [dated], RULES).outcome == "reject"
    correction = verdict(SAMPLE, "accept", "a", at=5)
    assert [ruling(SAMPLE, order, RULES).outcome for order in ([dated, correction], [correction, dated])] == [
        "accept"
    ] * 2
    assert given_at(dated) < given_at(correction)


def test_of_several_fixes_the_commonest_then_the_latest_is_taken():
    drop3, drop9 = (
        {"keyframes": shown(SAMPLE, k3={"judged": "drop"})},
        {"keyframes": shown(SAMPLE, k9={"judged": "drop"})},
    )
    fixes = [verdict(SAMPLE, "fix", "a", 1, **drop3), verdict(SAMPLE, "fix", "b", 2, **drop9)]
    assert applied(SAMPLE, fixes, RULES).review.keyframes_dropped == (9,)
    fixes.append(verdict(SAMPLE, "fix", "c", 0, **drop3))
    outcome = applied(SAMPLE, fixes, RULES)
    assert (outcome.review.keyframes_dropped, outcome.review.editor) == ((3,), "a")


def fixed(**what):
    return applied(SAMPLE, [verdict(SAMPLE, "fix", **what)], RULES)


def test_an_accept_with_edits_is_a_fix_and_a_fix_without_edits_is_disputed():
    edits = {"keyframes": shown(SAMPLE, k3={"judged": "drop"})}
    assert applied(SAMPLE, [verdict(SAMPLE, "accept", **edits)], RULES).review.status == "fixed"
    review = fixed().review
    assert (review.status, review.dispute) == ("disputed", "fix_without_edits")
    same = shown(SAMPLE, k3={"caption": f"  {SAMPLE.captions.captions[3].text}\n", "changed": True})
    loose = "[0]" + format_seconds(SAMPLE.summary.v2vt).removeprefix("[0.0]") + "\n"
    assert applied(SAMPLE, [verdict(SAMPLE, "accept", summary=loose)], RULES).review.status == "accepted"
    assert fixed(keyframes=same, summary=format_seconds(SAMPLE.summary.v2vt)).review.dispute == "fix_without_edits"


def test_captions_keyframes_and_sentences_follow_the_edits():
    keyframes = shown(
        SAMPLE, k0={"caption": "A red\nkite\x00 ", "changed": True}, k3={"judged": "drop"}, k9={"judged": "wrong"}
    )
    added = (AddedKeyframe(index=5, time=5.0, caption="a dog"), AddedKeyframe(index=7, time=7.0))
    outcome = fixed(keyframes=keyframes, added=added)
    texts = {caption.index: caption.text for caption in outcome.captions.captions}
    assert (texts[0], texts[5], texts[7]) == ("A red kite", "a dog", SAMPLE.captions.captions[7].text)
    assert 9 not in texts
    assert [(one.index, one.reason) for one in outcome.captions.failed] == [(9, "judged_wrong")]
    assert outcome.captions.captions[5].reused_from is None
    assert outcome.summary.v2v == outcome.extract.times == (0.0, 5.0, 7.0, 9.0)
    assert [s.times for s in outcome.summary.v2vt] == [(0.0,), (9.0,)]
    assert outcome.summary.v2t == " ".join(s.text for s in outcome.summary.v2vt)
    assert outcome.extract.ratio == 4 / 12
    assert outcome.review == Review(
        status="fixed",
        reviewers=("ann",),
        fix=1,
        editor="ann",
        captions_edited=(0, 5),
        captions_withdrawn=(9,),
        keyframes_added=(5, 7),
        keyframes_dropped=(3,),
    )
    assert SAMPLE.scores != outcome.scores == SampleScores(), "nobody measured what the person wrote"
    dropped = fixed(keyframes=shown(SAMPLE, k3={"judged": "drop"}))
    assert dropped.scores == SampleScores(binding_match=1.0), "the captions are as they were checked"


def test_an_edited_summary_cites_keyframes_or_is_not_applied():
    told = "[9.2]It ends. [0][3.0]It\nbegins, [marked \\[12]."
    outcome = fixed(summary=told)
    assert outcome.summary.v2vt == (
        Sentence(times=(0.0, 3.0), text="It begins, [marked [12]."),
        Sentence(times=(9.0,), text="It ends."),
    )
    assert outcome.summary.v2t == "It begins, [marked [12]. It ends."
    assert outcome.review.summary_edited
    dropping = fixed(summary="[0.0]A. [3.0]B. [3.0][9.0]C.", keyframes=shown(SAMPLE, k3={"judged": "drop"}))
    assert [(s.times, s.text) for s in dropping.summary.v2vt] == [((0.0,), "A."), ((9.0,), "C.")]
    adding = fixed(summary="[5.0]Anew.", added=(AddedKeyframe(index=5, time=5.0),))
    assert adding.summary.v2vt == (Sentence(times=(5.0,), text="Anew."),)


@pytest.mark.parametrize(
    ("what", "slug"),
    [
        ({"summary": "Only text."}, "summary_without_times"),
        ({"summary": "A lead. [3.0]Then."}, "summary_without_times"),
        ({"summary": ""}, "summary_without_times"),
        ({"summary": "[3.0]"}, "summary_unreadable"),
        ({"summary": "[0.0]A. [3x]B."}, None),
        ({"summary": "[0.0]A. [1e999]B."}, "summary_unreadable"),
        ({"summary": "[0.0]A. [1e300]B."}, "summary_cites_no_keyframe"),
        ({"summary": "[0.0]A. [4.0]B."}, "summary_cites_no_keyframe"),
        ({"keyframes": shown(SAMPLE, **{f"k{i}": {"judged": "drop"} for i in (0, 3, 9)})}, "no_keyframe_left"),
        ({"added": (AddedKeyframe(index=12, time=12.0),)}, "unknown_frame"),
        (
            {"keyframes": shown(SAMPLE, k3={"judged": "drop"}), "added": (AddedKeyframe(index=3, time=3.0),)},
            "dropped_and_added",
        ),
    ],
)
def test_edits_that_cannot_be_applied_are_disputed_and_change_nothing(what, slug):
    outcome = fixed(**what)
    if slug is None:  # `[3x]` is text, not a time
        assert outcome.summary.v2vt == (Sentence(times=(0.0,), text="A. [3x]B."),)
        return
    assert (outcome.review.status, outcome.review.dispute) == ("disputed", slug)
    assert outcome.model_copy(update={"review": Review()}) == SAMPLE


def test_without_any_caption_left_nothing_is_applied():
    only = SAMPLE.model_copy(
        update={"captions": SAMPLE.captions.model_copy(update={"captions": SAMPLE.captions.captions[3:4]})}
    )
    edits = edits_of(only, verdict(only, "fix", keyframes=shown(only, k3={"judged": "wrong"})))
    assert edits == Edits(captions=((3, None),))
    with pytest.raises(Inapplicable, match="no_caption_left"):
        edited(only, edits)


def test_the_content_hash_covers_what_is_shown():
    content = content_sha256(SAMPLE)
    assert content_sha256(make_sample(title="Another title")) == content
    other = SAMPLE.captions.captions[1].model_copy(update={"text": "no keyframe's"})
    captions = (SAMPLE.captions.captions[0], other, *SAMPLE.captions.captions[2:])
    assert (
        content_sha256(
            SAMPLE.model_copy(update={"captions": SAMPLE.captions.model_copy(update={"captions": captions})})
        )
        == content
    )
    changed = [
        make_sample(content="another file"),
        make_sample(keyframes=(0, 3, 8)),
        make_sample(frames=10, keyframes=(0, 3)),
        make_sample(captions=("x", "y", "z")),
        make_sample(sentences=("A.", "B.", "C.")),
        make_sample(fps=2.0),
        make_sample(pictures=lambda number, *size: b"%d" % number),
    ]
    assert len({content, *map(content_sha256, changed)}) == 8
