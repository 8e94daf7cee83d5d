"""Whole evaluations from files: right predictions score perfectly, broken ones are counted, none is dropped."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluation.cases import Prediction, Predictions, Reference, References, System
from evaluation.command_line import chosen_videos, protocol_for, read_systems
from evaluation.counted import failed_share
from evaluation.evaluate import Inputs, evaluate
from evaluation.metrics.text import TextScorers
from evaluation.protocols import METRICS, get
from evaluation.readers.instruct_v2xum import read_instruct
from evaluation.report.write import JSON_NAME, LATEX_NAME, MARKDOWN_NAME, PAGE_NAME, write_outputs
from evaluation.request import EvaluateRequest, clip_config, evaluate_here
from schemas.configuration.model_config import OpenClip, TransformersClip
from schemas.documents.evaluation import Evaluation, SystemValues
from schemas.errors import ConfigError
from tests.evaluation.datasets import right, scripts, write_predictions, write_references
from tests.evaluation.meteor import quick_meteor as quick_meteor

VIDEOS = 8
INPUTS = Inputs("references.json", "0" * 64, {})
PROTOCOL = get("instruct-v2xum")


@pytest.fixture
def references(tmp_path: Path) -> Path:
    return write_references(tmp_path / "references.json", VIDEOS)


@pytest.fixture
def perfect(tmp_path: Path) -> Path:
    return write_predictions(tmp_path / "perfect.jsonl", [right(*item) for item in scripts(VIDEOS).items()])


def request(predictions: Path | str, references: Path, out: Path, **more: object) -> EvaluateRequest:
    values = {"predictions": (str(predictions),), "references": (references,), "out": out, "text": False, **more}
    return EvaluateRequest.model_validate(values)


def values(row: SystemValues) -> dict[str, float | None]:
    return {metric.name: metric.value for metric in row.metrics}


def test_what_is_right_scores_one_beside_a_low_random_floor(references: Path, perfect: Path, tmp_path: Path) -> None:
    evaluated, page = evaluate_here(request(perfect, references, tmp_path / "out"))
    own, floor = evaluated.evaluation.systems[0], evaluated.evaluation.systems[1]
    assert own.name == "perfect" and values(own) == pytest.approx(dict.fromkeys(values(own), 1.0))
    assert floor.kind == "random" and 0.05 < (values(floor)["f1"] or 0) < 0.3
    # With one annotator there is no row of people and no oracle.
    assert [row.metrics for row in evaluated.evaluation.systems[2:]] == [(), ()]
    assert page == tmp_path / "out" / PAGE_NAME
    again = Evaluation.model_validate_json((tmp_path / "out" / JSON_NAME).read_text())
    assert again == evaluated.evaluation and again.provenance.references_sha256 != "0" * 64
    assert "instruct-v2xum" in (tmp_path / "out" / MARKDOWN_NAME).read_text()
    assert r"\toprule" in (tmp_path / "out" / LATEX_NAME).read_text()
    assert str(tmp_path) not in (tmp_path / "out" / JSON_NAME).read_text()


def test_every_bad_prediction_is_named_and_counted_as_worst(references: Path, tmp_path: Path) -> None:
    records = [right(*item) for item in scripts(VIDEOS).items()]
    records[0] = {"id": "v00", "error": "out of memory"}
    records[1] = {"id": "v01", "scores": [0.5] * 7}
    records[2] = {"id": "v02", "scores": [float("nan")] * 42}
    records[3] = {"id": "v03", "text": "[99999] nonsense [", "task": "v2v"}
    del records[4]
    records += [dict(records[5]), {**records[6], "selected": [0]}, {"id": "who", "selected": [1]}]
    file = write_predictions(tmp_path / "mixed.jsonl", records)
    evaluated, _ = evaluate_here(request(file, references, tmp_path / "out"))
    found = {(p.id, p.counted) for p in evaluated.evaluation.problems}
    assert {(f"v0{n}", "worst") for n in range(5)} <= found
    assert ("who", "left_out") in found and (records[5]["id"], "left_out") in found
    assert (records[6]["id"], "worst") in found
    assert failed_share(evaluated.evaluation) == 6 / VIDEOS
    row = evaluated.evaluation.systems[0]
    assert len(row.videos) == VIDEOS
    assert values(row)["f1"] == pytest.approx(2 / VIDEOS) and values(row)["kendall_tau"] == pytest.approx(-4 / VIDEOS)


@pytest.mark.slow
@pytest.mark.usefixtures("quick_meteor")
def test_a_system_of_one_kind_has_no_metrics_of_the_other(references: Path, tmp_path: Path) -> None:
    items = list(scripts(VIDEOS).items())
    texts = write_predictions(tmp_path / "t.jsonl", [{"id": n, "task": "v2t", "text": s.captions[0]} for n, s in items])
    frames = write_predictions(tmp_path / "f.jsonl", [{"id": n, "selected": list(s.keyframes)} for n, s in items])
    asked = request(texts, references, tmp_path / "out", text=True)
    evaluated, _ = evaluate_here(asked.model_copy(update={"predictions": (f"t={texts}", f"f={frames}")}))
    said, shown = (values(row) for row in evaluated.evaluation.systems[:2])
    assert said["f1"] is None and shown["f1"] == 1
    reasons = {m.name: (m.reason, m.undefined) for m in evaluated.evaluation.systems[0].metrics}
    assert "predicts no frames" in str(reasons["f1"])
    scorers = TextScorers()
    java = scorers.reason is None
    assert (said["ROUGE_L"] is not None) is java and shown["ROUGE_L"] is None
    assert java or scorers.reason == reasons["ROUGE_L"][0]


@pytest.mark.slow
@given(st.integers(1, 3), st.lists(st.floats(0, 1), min_size=12, max_size=12))
def test_runs_of_one_system_are_its_mean(runs: int, noise: list[float]) -> None:
    chosen = np.eye(6, dtype=bool)[:1]
    known = tuple(Reference(f"v{i}", 6, selections=chosen) for i in range(2))
    predictions = [
        Predictions(tuple(Prediction(f"v{i}", scores=np.array(noise[6 * i :][:6]) * sign) for i in range(2)), ())
        for sign in (1, -1, 1)[:runs]
    ]
    together = evaluate(PROTOCOL, References(known, ()), [System("s", tuple(predictions))], INPUTS, baselines=False)
    alone = [
        evaluate(PROTOCOL, References(known, ()), [System("s", (one,))], INPUTS, baselines=False) for one in predictions
    ]
    row = together.evaluation.systems[0]
    assert row.runs == runs
    for metric in row.metrics:
        singles = [values(one.evaluation.systems[0])[metric.name] for one in alone]
        defined = [value for value in singles if value is not None]
        assert metric.value == (pytest.approx(sum(defined) / len(defined)) if defined else None)


def test_names_that_would_be_confused_are_refused(references: Path, perfect: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="row for comparison"):
        evaluate_here(request(f"random={perfect}", references, tmp_path / "out"))
    with pytest.raises(ConfigError, match="no such file or folder of predictions"):
        evaluate_here(request("name=gone.json", references, tmp_path / "out"))
    for name in (" ", "\u200b", "\t\u202e"):
        with pytest.raises(ConfigError, match="no letter that can be shown"):
            evaluate_here(request(f"{name}={perfect}", references, tmp_path / "out"))
    with pytest.raises(ConfigError, match="instruct-v2xum"):
        evaluate_here(request(perfect, references, tmp_path / "out", protocol="instruct-v2xun"))
    for by in ("f2", "ROUGE_L", "f_clip"):  # without --no-text and with --clip the last two are metrics
        with pytest.raises(ConfigError, match="--by"):
            evaluate_here(request(perfect, references, tmp_path / "out", by=by))
    assert not (tmp_path / "out").exists(), "it is told before the work"
    with pytest.raises(ConfigError, match="nothing to evaluate"):
        evaluate(PROTOCOL, read_instruct(references), [], INPUTS)


def test_parts_of_one_run_are_joined(references: Path, perfect: Path, tmp_path: Path) -> None:
    lines = perfect.read_text().splitlines(keepends=True)
    parts = [tmp_path / "a.jsonl", tmp_path / "b.jsonl"]
    parts[0].write_text("".join(lines[:3]))
    parts[1].write_text("".join(lines[3:]))
    known = read_instruct(references).items
    given = read_systems([f"joined={parts[0]}{os.pathsep}{parts[1]}", f"joined={perfect}"], known)
    assert [system.name for system in given.systems] == ["joined"]
    assert sorted(p.id for p in given.systems[0].runs[0].items) == sorted(p.id for p in given.systems[0].runs[1].items)
    assert set(given.hashes) == {"joined", "joined, run 2"}


def test_only_a_written_name_makes_runs_of_one_system(perfect: Path, references: Path, tmp_path: Path) -> None:
    known = read_instruct(references).items
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "predictions.jsonl").write_text(perfect.read_text())
    first, second = (str(tmp_path / folder / "predictions.jsonl") for folder in ("a", "b"))
    for unclear in ((first, second), (f"predictions={first}", second), (first, f"predictions={second}")):
        with pytest.raises(ConfigError, match="need a name each") as caught:
            read_systems(unclear, known)
        assert f"FIRST={first} SECOND={second}" in str(caught.value), "the way out can be copied"
        assert f"predictions={first} predictions={second}" in str(caught.value)
    for twice in ((first, first), (f"mine={first}", f"mine={tmp_path}/a/../a/predictions.jsonl")):
        with pytest.raises(ConfigError, match=r"need a name each|given twice"):
            read_systems(twice, known)
    runs = read_systems([f"mine={first}", f"mine={second}", str(perfect)], known)
    assert [(system.name, len(system.runs)) for system in runs.systems] == [("mine", 2), ("perfect", 1)]
    apart = read_systems([first, f"other={second}"], known)
    assert [system.name for system in apart.systems] == ["predictions", "other"]


def test_references_say_which_protocol_unless_there_are_several(references: Path, tmp_path: Path) -> None:
    assert protocol_for(None, [references]).name == "instruct-v2xum"
    (tmp_path / "summe" / "GT").mkdir(parents=True)
    (tmp_path / "summe" / "GT" / "Air.mat").touch()
    with pytest.raises(ConfigError, match="summe/binary-vs-mean, summe/score-vs-mean, summe/per-annotator"):
        protocol_for(None, [tmp_path / "summe"])
    assert protocol_for("summe/per-annotator", [tmp_path / "summe"]).name == "summe/per-annotator"
    with pytest.raises(ConfigError, match=r"summe, whose annotations tvsum/per-annotator\+max-f1 cannot use"):
        protocol_for("tvsum/per-annotator+max-f1", [tmp_path / "summe"])


def test_folds_choose_which_videos_count(references: Path, tmp_path: Path) -> None:
    known = read_instruct(references)
    every, said = chosen_videos(known, None, None, 0, references)
    assert every == known and said is None
    parts = [chosen_videos(known, "proper", fold, 1, references) for fold in range(5)]
    assert sorted(r.id for found, _ in parts for r in found.items) == sorted(r.id for r in known.items)
    assert all(said is not None and f"fold {fold}" in said for fold, (_, said) in enumerate(parts))
    (tmp_path / "splits.json").write_text('[{"train_keys": ["x/video_2"], "test_keys": ["x/video_1", "x/video_3"]}]')
    (tmp_path / "video_names.json").write_text('{"v00": "video_1", "v01": "video_2", "v02": "video_3"}')
    found, said = chosen_videos(known, str(tmp_path / "splits.json"), 0, 0, references)
    assert [r.id for r in found.items] == ["v00", "v02"] and "sha256" in str(said)
    for splits, fold, words in (("proper", 7, "0..4"), (None, 0, "needs --splits")):
        with pytest.raises(ConfigError, match=words):
            chosen_videos(known, splits, fold, 0, references)
    (tmp_path / "video_names.json").unlink()
    with pytest.raises(ConfigError, match="none of its test videos"):
        chosen_videos(known, str(tmp_path / "splits.json"), None, 0, references)


def test_what_is_predicted_for_other_folds_is_no_unknown_video(references: Path, perfect: Path, tmp_path: Path) -> None:
    lines = perfect.read_text().splitlines(keepends=True)
    more = tmp_path / "more.jsonl"
    more.write_text("".join([*lines[1:], json.dumps({"id": "gone", "selected": [1]})]))
    found = evaluate_here(request(more, references, tmp_path / "out", splits="proper", fold=0))[0].evaluation
    tested = {video.id for video in found.systems[0].videos}
    reasons = {problem.id: problem.reason for problem in found.problems}
    every = {reference.id for reference in read_instruct(references).items}
    first = json.loads(lines[0])["id"]
    assert reasons == {"gone": "unknown_video"} | dict.fromkeys(every - tested - {first}, "not_chosen") | (
        {first: "missing_video"} if first in tested else {}
    )


def test_every_metric_of_the_protocol_is_there(references: Path, perfect: Path, tmp_path: Path) -> None:
    evaluated, _ = evaluate_here(request(perfect, references, tmp_path / "out"))
    assert set(values(evaluated.evaluation.systems[0])) == {metric.name for metric in METRICS}
    made = evaluated.evaluation.provenance
    assert made.choices["failure"] == "worst" and made.software["numpy"] and made.clip is None


def test_outputs_replace_what_is_there(references: Path, perfect: Path, tmp_path: Path) -> None:
    evaluated, page = evaluate_here(request(perfect, references, tmp_path / "out"))
    before = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    assert write_outputs(tmp_path / "out", evaluated) == page
    assert {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()} == before


def test_a_clip_is_named_in_one_word(tmp_path: Path) -> None:
    assert clip_config("openai/clip-vit-large-patch14") == TransformersClip(
        engine="transformers", model="openai/clip-vit-large-patch14"
    )
    assert clip_config("ViT-L-14:openai") == OpenClip(engine="open_clip", model="ViT-L-14", pretrained="openai")
    (tmp_path / "a:b").mkdir()
    assert isinstance(clip_config(str(tmp_path / "a:b")), TransformersClip)
