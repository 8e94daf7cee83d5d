"""A release of several annotators: `full` has their columns, and its documents describe them."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from curation.dataset.check import check_export
from schemas.arrow import Columns, arrow_schema
from schemas.records import Choice, Sample
from tests.curation.finished import finished
from tests.curation.release.releases import release
from tests.curation.samples import make_sample

pytestmark = pytest.mark.slow


def sample(name: str) -> Sample:
    made = make_sample(name)
    choices = (Choice(keyframes=made.extract.keyframes), Choice(keyframes=(1,)))
    return made.model_copy(update={"extract": made.extract.model_copy(update={"choices": choices})})


def test_a_release_has_the_columns_of_several_annotators(tmp_path: Path) -> None:
    stated = ("export.title=Films", "export.licence=cc-by-4.0", "extract.annotators=2")
    with finished(tmp_path / "w", [sample(f"v{number}") for number in range(3)], *stated) as (place, services):
        manifest = release(place, services)
        folder = place.root / "releases" / "0.1.0"
        assert check_export(folder).problems == []
        shard = next((folder / "full").glob("*.parquet"))
        assert pq.read_schema(shard).equals(arrow_schema(Columns(annotators=True)))
        (full,) = (one for one in manifest.configurations if one.name == "full")
        assert {"saliency", "choices"} <= full.columns.keys()
        croissant = json.loads((folder / "croissant.json").read_text(encoding="utf-8"))
        fields = {f["@id"] for one in croissant["recordSet"] if one["@id"] == "full" for f in one["field"]}
        assert "full/saliency" in fields


def test_a_release_of_several_models_says_which_chose_what(tmp_path: Path) -> None:
    model = "{engine: openai, model: another, revision: r2, base_urls: ['http://127.0.0.1:9/v1']}"
    stated = ("export.title=Films", "export.licence=cc-by-4.0", "extract.annotators=2", f"models.annotators=[{model}]")
    with finished(tmp_path / "w", [of_two_models(f"v{number}") for number in range(3)], *stated) as (place, services):
        manifest = release(place, services)
        folder = place.root / "releases" / "0.1.0"
        assert check_export(folder).problems == []
        (full,) = (one for one in manifest.configurations if one.name == "full")
        assert "annotators" in full.columns
        (row, *_) = pq.read_table(next((folder / "full").glob("*.parquet"))).to_pylist()
        assert [maker["model"] for maker in row["annotators"]] == [sample("v").extract.maker.model, "another"]
        croissant = (folder / "croissant.json").read_text(encoding="utf-8")
        fields = {f["@id"] for r in json.loads(croissant)["recordSet"] if r["@id"] == "full" for f in r["field"]}
        assert "full/annotators" in fields and "another, revision r2" in croissant, "the card's provenance names it"
        assert "another" in (folder / "README.md").read_text(encoding="utf-8")


def of_two_models(name: str) -> Sample:
    made = sample(name)
    maker = made.extract.maker
    makers = (maker, maker.model_copy(update={"model": "another", "revision": "r2"}))
    choices = tuple(c.model_copy(update={"maker": m}) for c, m in zip(made.extract.choices, makers, strict=True))
    return made.model_copy(update={"extract": made.extract.model_copy(update={"choices": choices})})
