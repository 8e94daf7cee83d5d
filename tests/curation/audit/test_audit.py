"""The audit of a sample: in the demo's world the truth is known, so each fault must change the score made for it."""

import errno
import hashlib
import itertools
import logging

import numpy as np
import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.audit.audit import NO_CLIP, NO_JUDGE, Tools, audit, marks
from models.embedding.sentences import NgramEmbedder
from schemas.audit import GOOD, Audit
from schemas.configuration.config import AuditConfig
from schemas.errors import ConfigError, Interrupted, PoisonError, RunStopped, ServerGone, TransientError
from schemas.records import Sentence
from tests.curation.audited import (
    EMBEDDER,
    JUDGE_PROMPT,
    PLAIN,
    Eyes,
    absent,
    caption_set,
    frame_set,
    make_script,
    measure,
    rated,
    reader,
    rotated,
    summary_of,
    true_sentences,
)
from tests.curation.samples import hostile_samples, read_picture
from tests.curation.scripted import Scripted

SEEDS = tuple(range(100, 124))


def averages(found: list[Audit]) -> dict[str, float]:
    rows = [one.scores() for one in found]
    return {name: sum(row[name] for row in rows) / len(rows) for name in rows[0]}


def seeing(*seeds: int) -> Tools:
    eyes = Eyes(EMBEDDER.embed, seeds)
    return PLAIN._replace(clip=lambda: eyes)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_true_summary_is_fully_supported_and_missing_scores_are_listed(seed) -> None:
    found = measure(seed)
    scores = found.scores()
    assert found.support.unsupported == 0 and found.coverage.shots == 1
    assert all(one.words == 1 and one.supported for one in found.support.sentences)
    assert {(m.score, m.reason) for m in found.missing} == {
        ("grounding", NO_CLIP), ("support_pictures", NO_CLIP), ("judge", NO_JUDGE)
    }  # fmt: skip
    assert found.embedder == EMBEDDER.name and found.effort.attempts == 0 and found.marks == ()
    assert list(scores) == [name for name in GOOD if name in scores]
    assert found == measure(seed), "the same inputs give the same record"
    assert Audit.model_validate_json(found.canonical()) == found


@pytest.mark.slow
def test_a_shuffled_summary_loses_only_support() -> None:
    steps = []
    for part in (0, 0.5, 1):
        found = []
        for seed in SEEDS:
            sentences = true_sentences(make_script(seed))
            found.append(measure(seed, sentences=rotated(sentences, round(part * len(sentences)))))
        steps.append(averages(found))
    for one, other in itertools.pairwise(steps):
        assert other["support"] < one["support"] - 0.1 and other["unsupported"] > one["unsupported"] + 0.1
        for same in ("coverage", "coverage_text", "coverage_shots", "redundancy"):
            assert other[same] == one[same]
    for seed in SEEDS:
        sentences = true_sentences(make_script(seed))
        assert measure(seed, sentences=rotated(sentences, len(sentences))).support.mean < measure(seed).support.mean


@pytest.mark.parametrize("seed", SEEDS)
def test_support_falls_with_the_absent_words_of_a_sentence(seed) -> None:
    script = make_script(seed)
    event = next(event for event in script.events if event.kind != "sign")
    others = [s for s in true_sentences(script) if s.text != event.sentence]
    nothing_of_it = absent(script, event.seconds)
    colour, shape = nothing_of_it.split()[1:3]
    recoloured = f"A {colour} {event.thing.shape} {event.kind}."
    replaced = f"A {colour} {shape} {event.kind}."
    found = [
        measure(seed, sentences=(Sentence(times=tuple(map(float, event.seconds)), text=text), *others))
        for text in (event.sentence, recoloured, replaced, nothing_of_it)
    ]
    first = [one.support.sentences[0] for one in found]
    assert all(one.score > other.score for one, other in itertools.pairwise(first))
    assert all(one.words > other.words for one, other in itertools.pairwise(first))
    assert [one.supported for one in (first[0], first[-1])] == [True, False]
    assert [one.support.mean for one in found] == sorted((one.support.mean for one in found), reverse=True)
    assert found[-1].support.unsupported == pytest.approx(1 / len(true_sentences(script)), abs=1e-4)


@pytest.mark.parametrize("seed", SEEDS)
def test_every_repeated_sentence_raises_redundancy_alone(seed) -> None:
    sentences = true_sentences(make_script(seed))
    found = [measure(seed, sentences=(*sentences, *sentences[:count])) for count in range(len(sentences) + 1)]
    values = [one.redundancy.sentences for one in found]
    assert all(other > one for one, other in itertools.pairwise(values)) and values[-1] == 1
    assert {one.support.unsupported for one in found} == {0} and len({one.coverage for one in found}) == 1


@pytest.mark.slow
def test_captions_of_another_video_leave_sentences_without_support() -> None:
    steps = []
    for part in (0, 0.5, 1):
        found = []
        for seed in SEEDS:
            script, other = make_script(seed), make_script(seed + 5000)
            foreign = [other.captions[i % other.duration] for i in range(script.duration)]
            cut = round(part * script.duration)
            texts = (*foreign[:cut], *script.captions[cut:])
            found.append(measure(seed, texts=texts))
        steps.append(averages(found))
    for one, other in itertools.pairwise(steps):
        assert other["support"] < one["support"] - 0.2 and other["unsupported"] > one["unsupported"] + 0.2
        assert other["coverage_text"] < one["coverage_text"] - 0.1
    assert steps[-1]["unsupported"] > 0.8


@pytest.mark.parametrize("seed", SEEDS)
def test_coverage_grows_with_every_event(seed) -> None:
    sentences = true_sentences(make_script(seed))
    found = [measure(seed, sentences=sentences[:count]).coverage for count in range(1, len(sentences) + 1)]
    for one, other in itertools.pairwise(found):
        assert other.captions >= one.captions and other.shots >= one.shots
    assert found[-1].captions > found[0].captions


@pytest.mark.slow
def test_grounding_detects_captions_at_wrong_pictures() -> None:
    seeds = SEEDS[:4]
    tools = seeing(*seeds)
    for seed in seeds:
        script = make_script(seed)
        found = measure(seed, tools=tools, looks=True)
        assert found.grounding.keyframes == (1.0,) * len(script.keyframes) and found.grounding.clip == "eyes"
        assert found.support.pictures > 0.9 and [m.score for m in found.missing] == ["judge"]
        assert 0 < found.redundancy.pictures < measure(seed).redundancy.pictures == 1, "without looks all are equal"
        texts = list(script.captions)
        foreign = make_script(seed + 5000).captions
        means = [1.0]
        for done, second in enumerate(script.keyframes):
            texts[second] = foreign[make_script(seed + 5000).keyframes[0]]
            means.append(measure(seed, texts=tuple(texts), tools=tools).grounding.mean)
            assert means[-1] < means[-2]
            if not done:
                assert measure(seed, texts=tuple(texts), tools=tools).grounding.worst_time == second
        shuffled = rotated(true_sentences(script), len(script.events))
        assert measure(seed, sentences=shuffled, tools=tools).support.pictures < 0.6
        assert measure(seed, sentences=shuffled, tools=tools).grounding == found.grounding


class Hashed:
    """A CLIP of arbitrary directions: a picture's or a text's vector is drawn from its hash."""

    name = "hashed"

    def embed_images(self, images):
        seeds = [int.from_bytes(hashlib.sha256(image).digest()[:8], "big") for image in images]
        rows = np.stack([np.random.default_rng(seed).normal(size=6) for seed in seeds])
        return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)

    def embed_texts(self, texts):
        return self.embed_images([text.encode() for text in texts])


@pytest.mark.slow
@settings(max_examples=80, deadline=None)
@given(hostile_samples("any"), st.data())
def test_any_text_gives_scores_in_range_whatever_the_order(sample, data) -> None:
    tools = Tools(lambda: EMBEDDER, Hashed, lambda: Scripted(lambda r: rated(2)), JUDGE_PROMPT)

    def run(captions, summary) -> Audit:
        return audit(sample.frames, captions, summary, lambda i: read_picture(sample, i), tools, AuditConfig())

    found = run(sample.captions, sample.summary)  # the types of the record check the ranges
    assert Audit.model_validate_json(found.canonical()) == found == run(sample.captions, sample.summary)
    assert len(found.support.sentences) == len(sample.summary.v2vt) and found.rating.mean == 2
    assert found.grounding is None or len(found.grounding.keyframes) == len(sample.summary.v2v)
    captions = data.draw(st.permutations(sample.captions.captions))
    sentences = data.draw(st.permutations(sample.summary.v2vt))
    other = run(
        sample.captions.model_copy(update={"captions": tuple(captions)}),
        sample.summary.model_copy(update={"v2vt": tuple(sentences)}),
    )
    assert other.scores() == pytest.approx(found.scores(), abs=2e-4)
    assert other.grounding == found.grounding


def test_a_judge_rates_and_its_tokens_are_counted() -> None:
    found = measure(100, tools=PLAIN._replace(judge=lambda: Scripted(lambda r: rated(4)), prompt=JUDGE_PROMPT))
    assert found.rating.mean == 4 and found.scores()["judge"] == 4 and found.effort.tokens_in > 100
    found = measure(100, tools=PLAIN._replace(judge=lambda: Scripted(lambda r: "no"), prompt=JUDGE_PROMPT))
    assert found.rating is None and found.effort.attempts == 2 and found.effort.tokens_in > 200
    assert "not_the_schema" in next(m.reason for m in found.missing if m.score == "judge")


def failing(error: Exception):
    def work(*_given):
        raise error

    return work


class Blind(Eyes):
    """A CLIP whose pictures cannot be embedded."""

    def embed_images(self, images):
        raise ValueError("cannot decode /srv/private/place/picture.jpg\x1b[31m")


class Mute:
    name = "mute"
    embed = failing(ZeroDivisionError("no numbers"))


def test_a_score_that_fails_is_missing_and_the_others_stay(caplog) -> None:
    caplog.set_level(logging.CRITICAL)
    whole = measure(100, tools=seeing(100))
    blind = measure(100, tools=PLAIN._replace(clip=lambda: Blind(EMBEDDER.embed, (100,))))
    assert blind.grounding is None and blind.coverage == whole.coverage
    assert blind.support.unsupported == whole.support.unsupported and blind.support.pictures is None
    reasons = {m.score: m.reason for m in blind.missing}
    assert reasons["grounding"] == reasons["support_pictures"] == "ValueError: cannot decode picture.jpg[31m"
    mute = measure(100, tools=seeing(100)._replace(embedder=Mute))
    assert mute.grounding == whole.grounding and mute.coverage is mute.redundancy is mute.support is None
    assert {m.score for m in mute.missing} == {"coverage", "redundancy", "support", "judge"}
    assert Audit.model_validate_json(mute.canonical()) == mute


class Numb(NgramEmbedder):
    def embed(self, texts):
        return np.full((len(texts), 4), np.nan, np.float32)


def test_vectors_with_nan_do_not_count_as_zero() -> None:
    found = measure(100, tools=PLAIN._replace(embedder=lambda: Numb(64)))
    assert found.scores() == {}
    assert {m.score: m.reason.split(":")[0] for m in found.missing}["coverage"] == "bad_vectors"


def test_unreadable_pictures_are_left_out_after_one_attempt() -> None:
    asked = []

    def read(index):
        asked.append(index)
        if len(asked) == 3:
            raise PoisonError("picture_changed", f"frame {index}")
        return reader(100)(index)

    script, tools = make_script(100), seeing(100)
    inputs = frame_set(script), caption_set(script.captions), summary_of(true_sentences(script))
    found = audit(*inputs, read, tools, AuditConfig())
    assert found.grounding.keyframes == (1.0, 1.0) + (None,) * (len(script.keyframes) - 2) and len(asked) == 3
    assert "picture_changed" in next(m.reason for m in found.missing if m.score == "grounding")
    for error in (PoisonError("picture_changed", ""), FileNotFoundError(2, "gone", "/srv/private/1.jpg")):
        none = audit(*inputs, failing(error), tools, AuditConfig())
        assert none.grounding is None and none.support.pictures is None and none.support.unsupported == 0
        assert {m.score for m in none.missing} == {"grounding", "support_pictures", "judge"}
        assert "private" not in none.canonical()


@pytest.mark.parametrize("place", ["embedder", "clip", "judge"])
@pytest.mark.parametrize(
    ("error", "raised"),
    [
        (ServerGone("no server"), ServerGone),
        (TransientError("model_failed", "x"), TransientError),
        (ConfigError("there is no checkpoint folder 'clip'"), RunStopped),
        (OSError(errno.ENOSPC, "No space left on device"), OSError),
        (sa.exc.OperationalError("select", {}, Exception("database is locked")), sa.exc.OperationalError),
        (sa.exc.OperationalError("insert", {}, Exception("database or disk is full")), sa.exc.OperationalError),
    ],
)
def test_errors_of_the_whole_run_are_raised(place, error, raised) -> None:
    tools = PLAIN._replace(prompt=JUDGE_PROMPT, **{place: failing(error)})
    with pytest.raises(raised):
        measure(100, tools=tools)


def test_a_failure_while_the_run_stops_is_not_recorded() -> None:
    stopping = []

    def raise_if_stopped() -> None:
        if stopping:
            raise Interrupted("stopped")

    def read(index):
        stopping.append(index)
        raise PoisonError("killed", "the child process was ended")

    script = make_script(100)
    inputs = frame_set(script), caption_set(script.captions), summary_of(true_sentences(script))
    with pytest.raises(Interrupted):
        audit(*inputs, read, seeing(100)._replace(raise_if_stopped=raise_if_stopped), AuditConfig())


STRICT = {"min_grounding": 0.99, "min_coverage": 1.0, "max_redundancy": 0.0, "max_unsupported": 0.0}


def test_marks_are_set_by_thresholds_in_mode_enable_alone() -> None:
    sentences = (*true_sentences(make_script(100))[1:], Sentence(times=(1.0,), text=absent(make_script(100), [1])))
    found = measure(100, sentences=sentences, config=AuditConfig(mode="enable", **STRICT))
    assert [(m.score, m.limit) for m in found.marks] == [("coverage", 1.0), ("redundancy", 0.0), ("unsupported", 0.0)]
    assert all(m.value == found.scores()[m.score] for m in found.marks)
    assert measure(100, sentences=sentences, config=AuditConfig(**STRICT)).marks == ()
    assert measure(100, sentences=sentences, config=AuditConfig(mode="enable")).marks == ()
    assert marks(Audit(mode="enable"), AuditConfig(mode="enable", **STRICT)) == (), "what is not measured is not marked"
    exact = found.coverage.captions
    assert measure(100, sentences=sentences, config=AuditConfig(mode="enable", min_coverage=exact)).marks == ()


def test_a_disabled_audit_opens_no_model() -> None:
    touched = failing(AssertionError("used"))
    script = make_script(100)
    inputs = frame_set(script), caption_set(script.captions), summary_of(true_sentences(script))
    found = audit(*inputs, touched, Tools(touched, touched, touched, None, touched), AuditConfig(mode="disable"))
    assert found == Audit(mode="disable") and found.scores() == {}


def test_every_score_has_a_direction() -> None:
    found = measure(100, tools=seeing(100)._replace(judge=lambda: Scripted(lambda r: rated(1)), prompt=JUDGE_PROMPT))
    assert list(found.scores()) == list(GOOD)
