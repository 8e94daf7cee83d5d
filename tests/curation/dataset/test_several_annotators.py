"""Exports of several annotators: their columns, and that exports of one have none of them."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from datasets import load_dataset

from curation.dataset.check import validate
from curation.dataset.export import export_workspace
from curation.dataset.rows import row_of
from curation.dataset.write import export
from curation.ledger.samples import sample
from curation.review.edits import Edits, edited
from schemas.arrow import SCORES_OF_SEVERAL, Columns, arrow_schema, features
from schemas.configuration.config import ExportConfig, SplitConfig
from schemas.meanings.columns import KEY
from schemas.records import Choice, Maker, Sample, SampleScores
from tests.curation.finished import finished
from tests.curation.samples import contents, make_sample, read_picture, sha

CHOICES = (Choice(keyframes=(0, 3, 9)), Choice(fault="extract_failed"), Choice(keyframes=(0, 4)))


def several(name: str, choices: tuple[Choice, ...] = CHOICES) -> Sample:
    one = make_sample(name)
    scores = SampleScores(binding_match=1.0, self_agreement=0.4)
    return one.model_copy(update={"extract": one.extract.model_copy(update={"choices": choices}), "scores": scores})


def written(out: Path, samples: list[Sample], *, annotators: bool) -> Path:
    config = ExportConfig(rows_per_shard=1, splits=SplitConfig(train=1, validation=0, test=0))
    export(iter(samples), read_picture, config, out, name="several", columns=Columns(annotators))
    return out


def test_rows_have_the_saliency_and_every_choice(tmp_path: Path) -> None:
    out = written(tmp_path / "out", [several("a"), several("b", (CHOICES[0],) * 2)], annotators=True)
    assert validate(out) == []
    rows = load_dataset(str(out), split="train", cache_dir=str(tmp_path / "cache"))
    assert rows.features == features(Columns(annotators=True))
    assert rows[0]["saliency"] == [1.0, 0, 0, 0.5, 0.5, 0, 0, 0, 0, 0.5, 0, 0]
    assert rows[0]["choices"] == [{"keyframes": list(one.keyframes), "fault": one.fault} for one in CHOICES]
    assert rows[0]["scores"]["self_agreement"] == 0.4 and rows[0]["vsum_onehot"] == rows[1]["saliency"]
    schema = pq.read_schema(next((out / "data").glob("*.parquet")))
    assert all(schema.field(name).metadata[KEY] for name in ("saliency", "choices"))


def test_rows_of_several_models_say_which_chose_what(tmp_path: Path) -> None:
    makers = [
        Maker(prompt="p", prompt_sha256="1" * 64, model=name, revision="r", sampling={"seed": 1}) for name in "xy"
    ]
    made = several("a", tuple(c.model_copy(update={"maker": makers[at % 2]}) for at, c in enumerate(CHOICES)))
    config = ExportConfig(rows_per_shard=1, splits=SplitConfig(train=1, validation=0, test=0))
    columns = Columns(annotators=True, models=True)
    export(iter([made]), read_picture, config, tmp_path / "out", name="several", columns=columns)
    assert validate(tmp_path / "out") == []
    (row,) = load_dataset(str(tmp_path / "out"), split="train", cache_dir=str(tmp_path / "cache"))
    assert [one["model"] for one in row["annotators"]] == ["x", "y", "x"]
    assert row["annotators"][0] == makers[0].model_dump() | {"sampling": '{"seed": 1}'}
    assert row["choices"] == [{"keyframes": list(choice.keyframes), "fault": choice.fault} for choice in CHOICES]
    stated = json.loads((tmp_path / "out" / "manifest.json").read_text())["makers"]
    assert [(one["model"], one["rows"]) for one in stated if one["stage"] == "extract"] == [("x", 1), ("y", 1)]
    other = written(tmp_path / "other", [several("a")], annotators=True)
    assert Columns.among(pq.read_schema(next((other / "data").glob("*.parquet"))).names) == Columns(annotators=True)


def test_one_annotator_has_no_new_column() -> None:
    row = row_of(make_sample(), "train", None)
    assert not {"saliency", "choices"} & row.keys() and "self_agreement" not in row["scores"]
    assert set(arrow_schema(Columns(annotators=True)).names) - set(arrow_schema().names) == {"saliency", "choices"}
    scores = {field.name for field in arrow_schema().field("scores").type}
    assert scores == set(SampleScores.model_fields) - set(SCORES_OF_SEVERAL)
    assert "self_agreement" not in SampleScores(judge=3).canonical()


def test_what_annotators_chose_stays_when_people_edit_and_their_score_does_not() -> None:
    made = edited(several("a"), Edits(dropped=(9,)))
    row = row_of(made, "train", None)
    assert row["saliency"] == row_of(several("a"), "train", None)["saliency"] and sum(row["vsum_onehot"]) == 2
    assert made.scores == SampleScores(binding_match=1.0)


def test_shards_that_differ_in_columns_are_a_fault(tmp_path: Path) -> None:
    whole = written(tmp_path / "out", [several("a"), several("b")], annotators=True)
    other = written(tmp_path / "other", [make_sample("a"), make_sample("b")], annotators=False)
    shards = sorted((whole / "data").glob("*.parquet")), sorted((other / "data").glob("*.parquet"))
    data = shards[1][1].read_bytes()
    shards[0][1].write_bytes(data)
    manifest = json.loads((whole / "manifest.json").read_text())
    for file in manifest["files"]:
        if file["path"].endswith(shards[0][1].name):
            file |= {"sha256": sha(data), "bytes": len(data)}
    (whole / "manifest.json").write_text(json.dumps(manifest))
    assert [fault for fault in validate(whole) if "other shards have none" in fault]


@pytest.mark.parametrize("annotators", [1, 3])
def test_the_ledger_gives_the_agreement_and_the_export_its_columns(tmp_path: Path, annotators: int) -> None:
    made = several("a") if annotators > 1 else make_sample("a")
    with finished(tmp_path / "run", [made], f"extract.annotators={annotators}") as (place, services):
        found = sample(services.ledger, "a")
        assert found.extract == made.extract and found.scores.self_agreement == (0.4 if annotators > 1 else None)
        export_workspace(place, services)
        (shard,) = (place.export / "data").glob("*.parquet")
        assert pq.read_schema(shard).equals(arrow_schema(Columns(annotators > 1)))
        assert validate(place.export) == [] and contents(place.export)
