"""One rule for every metric: what could have been answered and was not is worst, what no answer has is undefined."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluation.cases import FullLength, Prediction, Predictions, Reference, References, System
from evaluation.counted import failed_predictions, failed_share
from evaluation.evaluate import CrossModal, Inputs, evaluate
from evaluation.metrics.crossmodal import UNITS as CROSS_UNITS
from evaluation.metrics.crossmodal import CrossModalOptions
from evaluation.metrics.embeddings import Embedder
from evaluation.metrics.text import METRICS as TEXT_METRICS
from evaluation.metrics.text import UNITS as TEXT_UNITS
from evaluation.metrics.text import TextScorers
from evaluation.metrics.video import evaluate_videos
from evaluation.pictures import FramePictures
from evaluation.protocols import METRICS, PROTOCOLS, Protocol, get
from evaluation.report.captions import caption
from evaluation.units import KNOWN_UNITS
from models.build import build_clip
from schemas.configuration.model_config import TransformersClip
from schemas.documents.evaluation import Evaluation
from schemas.repository import DATA
from tests.evaluation.meteor import quick_meteor as quick_meteor

INPUTS = Inputs("r", "0" * 64, {})
FRAMES = 20
KNOWN = tuple(
    Reference(f"v{i}", FRAMES, selections=np.random.default_rng(i).random((1, FRAMES)) < 0.2, texts=("A kite.",))
    for i in range(8)
)
RANKS = ("kendall_tau", "spearman_rho")


def evaluated(*runs: list[Prediction], references: tuple[Reference, ...] = KNOWN, **more: object) -> Evaluation:
    system = System("s", tuple(Predictions(tuple(run), ()) for run in runs))
    return evaluate(
        get("instruct-v2xum"), References(references, ()), [system], INPUTS, baselines=False, **more  # type: ignore[arg-type]
    ).evaluation  # fmt: skip


def means(evaluation: Evaluation) -> dict[str, float | None]:
    return {metric.name: metric.value for metric in evaluation.systems[0].metrics}


def honest(seed: int) -> list[Prediction]:
    rng = np.random.default_rng(seed)
    return [Prediction(r.id, rng.random(FRAMES), "scores", text="A kite flies.") for r in KNOWN]


def test_every_unit_has_a_worst_value_within_its_range() -> None:
    units = [metric.unit for metric in METRICS] + list(TEXT_UNITS.values()) + list(CROSS_UNITS.values())
    assert set(units) == set(KNOWN_UNITS)
    assert all(lowest <= worst < highest for lowest, highest, worst in KNOWN_UNITS.values())
    assert CrossModalOptions(clip="x").failure == KNOWN_UNITS["cosine"].worst
    assert {metric.name: metric.worst for metric in METRICS if metric.worst} == dict.fromkeys(RANKS, -1.0)


@pytest.mark.parametrize("answer", ["words without marks", "an empty selection", "a failure"])
def test_what_is_not_answered_lowers_every_metric(answer: str) -> None:
    empty = np.zeros(FRAMES, bool)
    bad = {
        "words without marks": lambda id_: Prediction(id_, empty.astype(float), "selection", empty, "Words."),
        "an empty selection": lambda id_: Prediction(id_, selected=empty),
        "a failure": lambda id_: Prediction(id_, failure="unparsable"),
    }[answer]
    full = honest(1)
    half = [bad(p.id) if i % 2 else p for i, p in enumerate(full)]
    best, found = evaluated(full), evaluated(half)
    for metric in found.systems[0].metrics:
        assert metric.videos == 8 and not metric.undefined
        row = [video.values[metric.name] for video in found.systems[0].videos]
        assert row[1::2] == [-1.0 if metric.name in RANKS else 0.0] * 4
        assert metric.value is not None and metric.value < (means(best)[metric.name] or 0)
    assert {p.id for p in found.problems if p.counted == "worst"} == {p.id for p in half[1::2]}
    assert failed_share(found) == 0.5


def test_failures_alone_are_worst_and_no_dashes() -> None:
    found = evaluated([Prediction(r.id, failure="unparsable") for r in KNOWN])
    assert means(found) == {"f1": 0, "precision": 0, "recall": 0, "kendall_tau": -1, "spearman_rho": -1}
    assert found.counts["counted_as_worst"] == 8 and failed_share(found) == 1


@pytest.mark.slow
@pytest.mark.usefixtures("quick_meteor")
def test_failures_alone_are_worst_in_texts_too() -> None:
    with TextScorers() as scorers:
        if scorers.reason is not None:
            pytest.skip(scorers.reason)
        found = means(evaluated([Prediction(r.id, failure="unparsable") for r in KNOWN], scorers=scorers))
        frames = means(evaluated([Prediction(p.id, p.scores, "scores") for p in honest(1)], scorers=scorers))
        halves = [p if i else Prediction(p.id, p.scores, "scores") for i, p in enumerate(honest(1))]
        said = evaluated(halves, scorers=scorers)
    assert {name: found[name] for name in TEXT_METRICS} == {
        name: KNOWN_UNITS[unit].worst for name, unit in TEXT_UNITS.items()
    }
    assert {frames[name] for name in TEXT_METRICS} == {None}, "a system that never writes has no text metrics"
    assert said.systems[0].videos[0].values["ROUGE_L"] == 0
    assert [(p.id, p.reason) for p in said.problems] == [("v0", "no_text")]
    assert failed_share(said) == 1 / 8 and set(said.systems[0].videos[0].as_worst) == set(TEXT_METRICS)


@pytest.mark.slow
def test_a_missing_text_is_counted_where_only_a_clip_reads_texts() -> None:
    files = sorted((DATA / "demo" / "canaries").glob("*.jpg"))
    shown = {frame: files[frame % len(files)].read_bytes() for frame in range(FRAMES)}
    references = tuple(replace(reference, pictures=shown) for reference in KNOWN)
    embedder = Embedder(build_clip(TransformersClip(engine="transformers", model=str(DATA / "demo" / "clip"))))
    cross = CrossModal(embedder, CrossModalOptions(clip=embedder.name), FramePictures())
    answers = [replace(p, text=(None, "...")[i] if i < 2 else p.text) for i, p in enumerate(honest(1))]
    found = evaluated(answers, references=references, cross=cross)
    for video in found.systems[0].videos[:2]:
        assert (video.values["vt_clipscore"], video.values["cross_f_clip"]) != (None, None)
        assert set(video.as_worst) == {"cross_f_clip", "vt_clipscore"}
    assert failed_share(found) == 2 / 8
    assert [(p.id, p.reason) for p in found.problems] == [("v1", "empty_text"), ("v0", "no_text")]


def test_a_run_that_failed_whole_is_one_of_the_system() -> None:
    texts = [Prediction(r.id, text="A kite.") for r in KNOWN]
    failed = [Prediction(r.id, failure="unparsable") for r in KNOWN]
    for runs in ([texts, failed], [failed, texts]):
        assert set(means(evaluated(*runs)).values()) == {None}, "it writes texts: it has no metrics of frames"
    assert means(evaluated(honest(1), failed))["kendall_tau"] == pytest.approx(
        ((means(evaluated(honest(1)))["kendall_tau"] or 0) - 1) / 2
    )


def test_the_share_of_failures_is_that_of_the_worst_run() -> None:
    bad = [Prediction(p.id, failure="lost") if i < 6 else p for i, p in enumerate(honest(2))]
    assert failed_share(evaluated(honest(1), bad, honest(3))) == 6 / 8
    assert failed_share(evaluated(honest(1), honest(3))) == 0


def test_a_text_among_frames_is_worst_in_frames_and_said() -> None:
    found = evaluated([Prediction("v0", text="A kite."), *honest(1)[1:]])
    assert found.systems[0].videos[0].values["kendall_tau"] == -1
    assert [(p.id, p.reason) for p in found.problems] == [("v0", "no_frames")]


def test_an_empty_selection_beside_scores_is_said() -> None:
    nothing = np.zeros(FRAMES, bool)
    found = evaluated([Prediction(p.id, p.scores, "scores", nothing) for p in honest(1)])
    assert means(found)["f1"] == 0 and (means(found)["kendall_tau"] or -1) > -1
    assert failed_share(found) == 1
    assert [(p.id, p.reason) for p in found.problems] == [(r.id, "unanswered") for r in KNOWN]


def test_a_prediction_counts_as_worst_once() -> None:
    nothing = np.zeros(FRAMES, bool)
    found = evaluated([Prediction("v0", selected=nothing, text=""), *honest(1)[1:]])
    assert len(found.problems) == 2 and found.counts["counted_as_worst"] == failed_predictions(found) == 1
    assert "Predictions counted as worst: 1;" in caption(found) and "No value is undefined." in caption(found)


@st.composite
def videos(draw: st.DrawFn) -> Reference:
    frames, people = draw(st.integers(1, 5)), draw(st.integers(0, 3))
    bits = draw(st.lists(st.booleans(), min_size=frames * people, max_size=frames * people))
    chosen = np.array(bits, bool).reshape(people, frames)
    full = None
    if draw(st.booleans()):
        wide = np.repeat(chosen, 20, axis=1)
        borders = draw(st.sampled_from([[0, 20], [0, 1, 20], [0, 2, 9, 12, 20], []]))  # a summary holds 3 of these 20
        shots = [(frames * a, frames * b - 1) for a, b in itertools.pairwise(borders)]
        full = FullLength(20 * frames, np.arange(0, 20 * frames, 20), np.array(shots, np.int64).reshape(-1, 2), wide)
    rated = chosen * 2.0 if draw(st.booleans()) else None
    return Reference("v", frames, scores=rated, selections=chosen if draw(st.booleans()) else None, full=full)


@settings(max_examples=300)
@given(videos(), st.sampled_from(PROTOCOLS), st.data())
def test_no_answer_decides_what_is_undefined(reference: Reference, protocol: Protocol, data: st.DataObject) -> None:
    numbers = st.lists(st.floats(-2, 2), min_size=reference.frames, max_size=reference.frames)
    flags = np.array(data.draw(numbers)) > 0
    answers = [
        Prediction("v", failure="unparsable"),
        Prediction("v"),
        Prediction("v", scores=np.zeros(reference.frames + 1)),
        Prediction("v", scores=np.ones(reference.frames)),
        Prediction("v", selected=np.zeros(reference.frames, bool)),
        Prediction("v", selected=flags),
        Prediction("v", scores=np.array(data.draw(numbers))),
        Prediction("v", scores=np.array(data.draw(numbers)), selected=flags),
    ]
    failed, *others = [evaluate_videos(protocol, [(reference, answer)])[0] for answer in answers]
    for other in others:
        assert other.undefined.keys() == failed.undefined.keys() == {n for n, v in other.values.items() if v is None}
        for name, value in other.values.items():
            assert value is None or value >= (failed.values[name] or 0) - (failed.values[name] is None)
    for metric in protocol.metrics:
        nobody = 0 if protocol.undefined == "zero" else None
        assert failed.values[metric.name] in (metric.worst, nobody)
