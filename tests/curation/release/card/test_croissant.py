"""croissant.json, judged by mlcroissant: valid without a warning, and every record of every configuration is read."""

import json
import logging
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from curation.release.card.croissant_fields import fields
from curation.release.configurations.configuration import Configuration
from curation.release.configurations.registry import CONFIGURATIONS
from curation.store.files import hash_file
from tests.curation.release.card.released import HOSTILE, released

# mlcroissant uses what pandas, and rdflib what rdflib itself has deprecated.
pytestmark = [
    pytest.mark.slow,
    pytest.mark.xdist_group("release-card"),
    pytest.mark.filterwarnings("ignore:.*is deprecated:DeprecationWarning:rdflib"),
    pytest.mark.filterwarnings("ignore:The inplace keyword in DataFrame.reset_index is deprecated"),
]


def loaded(folder: Path, caplog: pytest.LogCaptureFixture) -> tuple[Any, list[str]]:
    """The dataset as mlcroissant reads it, and all that it warns of."""
    import mlcroissant as mlc

    caplog.set_level(logging.WARNING)
    dataset = mlc.Dataset(jsonld=folder / "croissant.json")
    issues = dataset.metadata.ctx.issues
    assert not issues.errors, issues.report()
    return dataset, [*issues.warnings, *(record.getMessage() for record in caplog.records)]


def test_it_is_valid_without_a_warning(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    dataset, warnings = loaded(folder, caplog)
    assert warnings == []
    about = dataset.metadata
    assert (about.name, str(about.version)) == ("Films: the *best* <b>", "0.1.0")
    assert about.license == ["https://spdx.org/licenses/CC-BY-4.0.html"]
    assert {one.name for one in about.creators} == {"Ada Lovelace", "O`Neill & {sons}"}
    assert about.date_published.isoformat().startswith("2026-12-01")
    stated = (
        about.data_collection, about.data_annotation_protocol, about.data_biases, about.data_limitations,
        about.personal_sensitive_information, about.data_use_cases, about.data_release_maintenance_plan,
        about.annotations_per_item,
    )  # fmt: skip
    assert all(stated)
    said = json.loads((folder / "croissant.json").read_text(encoding="utf-8"))
    made = said["prov:wasGeneratedBy"]
    assert [one["prov:label"].split(":")[0] for one in made] == ["caption", "extract", "refine", "review"]
    assert made[0]["prov:wasAssociatedWith"]["prov:label"].startswith("tiny-vlm, revision ")


def test_a_release_whose_makers_state_nothing_misses_the_date_alone(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with released(tmp_path / "w", 3, judged=0) as folder:
        dataset, warnings = loaded(folder, caplog)
    assert dataset.metadata.ctx.issues.warnings and all(warning.count("Property") == 1 for warning in warnings)
    assert all("datePublished" in warning for warning in warnings)
    assert dataset.metadata.license[0].name == "Not stated"


def test_every_file_has_its_hash(folder: Path) -> None:
    said = json.loads((folder / "croissant.json").read_text(encoding="utf-8"))
    files = {one["contentUrl"]: one for one in said["distribution"] if one["@type"] == "cr:FileObject"}
    assert files.keys() == {path.relative_to(folder).as_posix() for path in folder.rglob("*.parquet")}
    for name, file in files.items():
        digest, size = hash_file(folder / name)
        assert (file["sha256"], file["contentSize"]) == (digest, f"{size} B")


def plain(value: Any) -> Any:
    """A value as both readers give it: texts for bytes, lists for arrays, the size for pictures."""
    if isinstance(value, bytes):
        return value.decode()
    if hasattr(value, "size") and hasattr(value, "format"):
        return tuple(value.size)
    if hasattr(value, "tolist"):
        return plain(value.tolist())
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {str(key).rpartition("/")[2]: plain(item) for key, item in value.items()}
    return value


def test_mlcroissant_reads_every_record_of_default(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    dataset, _ = loaded(folder, caplog)
    found = {row["id"]: row for row in map(plain, dataset.records("default"))}
    rows = [row for path in sorted((folder / "default").iterdir()) for row in pq.read_table(path).to_pylist()]
    assert len(found) == len(rows) == 40
    for row in rows:
        sheet = found[row["id"]].pop("contact_sheet")
        assert sheet[0] <= 640 and row.pop("contact_sheet")["bytes"]
        assert found[row["id"]] == row
    assert any("onerror" in row["title"] for row in rows), HOSTILE


@pytest.mark.parametrize("name", ["full", "v2v", "v2t", "v2vt", "frames", "preferences", "lineage"])
def test_it_reads_the_other_configurations(folder: Path, name: str, caplog: pytest.LogCaptureFixture) -> None:
    dataset, _ = loaded(folder, caplog)
    raw = list(dataset.records(name))
    found = [plain(row) for row in raw]
    rows = [row for path in sorted((folder / name).iterdir()) for row in pq.read_table(path).to_pylist()]
    assert [row["id"] for row in found] == [row["id"] for row in rows]
    assert {key.split("/")[1] for key in raw[0]} == rows[0].keys() - {"images"}
    for mine, theirs in zip(rows, found, strict=True):
        simple = {key: value for key, value in mine.items() if not isinstance(value, dict | list)}
        assert name in ("full", "preferences") or {key: theirs[key] for key in simple} == simple
        assert theirs["id"] == mine["id"] and theirs["split"] == mine["split"]
        if name.startswith("v2"):
            assert theirs["conversations"] == mine["conversations"]


@pytest.mark.parametrize("configuration", CONFIGURATIONS, ids=lambda each: each.name)
def test_every_configuration_can_be_described(configuration: Configuration) -> None:
    made = fields(configuration.name, configuration.features(), "files")
    pictures = {"images"}  # a list of pictures, of which mlcroissant reads none
    assert [field["name"] for field in made] == [
        f"{configuration.name}/{name}" for name in configuration.features() if name not in pictures
    ]


def test_a_feature_that_nobody_described_is_an_error() -> None:
    from datasets import Value

    with pytest.raises(TypeError, match="x/duration: no type of Croissant is known"):
        fields("x", {"duration": Value("timestamp[s]")}, "files")
