"""What reads a release: datasets in both ways, pandas, DuckDB, the Hub's viewer and its card."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import datasets
import duckdb
import pandas as pd
import pyarrow.parquet as pq
import pytest
import yaml
from huggingface_hub import DatasetCard

from curation.dataset.rows import row_of
from curation.release.configurations import default
from curation.release.configurations.configuration import Published
from curation.release.configurations.registry import CONFIGURATIONS
from curation.release.readable import readable
from curation.review.verdict_store import Reviews
from evaluation.readers.any import read_references
from schemas.records import Rejection
from tests.curation.finished import finished
from tests.curation.people import verdict
from tests.curation.release.releases import release
from tests.curation.samples import make_sample, picture

pytestmark = pytest.mark.slow
UNICODE = "Ünïcödé 漢字 🎞️ العربية \u0000\u202e|`<b>"
LONG = "the light of the evening falls on the water, and everybody leaves the square slowly"


@pytest.fixture(scope="module")
def made() -> list[Any]:
    """Plain samples, one of unicode and NUL, one of None, one with a title of 3 MB."""
    samples = [
        make_sample(f"v{number:03d}", licence="CC BY", webpage_url=f"https://a.b/{number}") for number in range(9)
    ]
    samples.append(make_sample("v100", title=UNICODE, captions=(UNICODE, "b"), licence="CC BY\n# x", language="de"))
    samples.append(make_sample("v101", title=None))
    samples.append(make_sample("v102", title="long <script>" * 250_000, tags=("a", "b")))
    return samples


@pytest.fixture(scope="module")
def folder(made: list[Any], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    root = tmp_path_factory.mktemp("consumers") / "w"
    with finished(root, made, "export.title='Films: the *best*'", "export.licence=cc-by-4.0") as (place, services):
        release(place, services)
        yield root / "releases" / "0.1.0"


def test_datasets_gives_default_and_every_other_configuration(folder: Path, tmp_path: Path) -> None:
    for each in CONFIGURATIONS:
        if not (folder / each.name).is_dir():
            continue
        name = None if each.name == "default" else each.name
        loaded = datasets.load_dataset(str(folder), name, cache_dir=str(tmp_path))
        streamed = datasets.load_dataset(str(folder), name, streaming=True)
        for split, rows in loaded.items():
            assert rows.features == each.features(), each.name
            assert streamed[split].features == each.features()
            assert rows.num_rows == len(list(streamed[split]))
            assert set(rows["split"]) == {str(split)}


def test_the_sheet_is_a_picture_and_the_row_says_what_full_says(folder: Path, tmp_path: Path) -> None:
    default = datasets.load_dataset(str(folder), cache_dir=str(tmp_path), split="train")
    full = {row["id"]: row for row in datasets.load_dataset(str(folder), "full", streaming=True, split="train")}
    for row in default:
        whole = full[row["id"]]
        assert row["contact_sheet"].width <= 640 and row["contact_sheet"].format == "JPEG"
        assert row["keyframe_seconds"] == [keyframe["time"] for keyframe in whole["keyframes"]]
        assert row["interleaved_summary"] == whole["summary"]["v2vt_seconds"]
        assert row["review_status"] == whole["review"]["status"] == "unreviewed"
        assert row["address"] == (whole["publication"]["webpage_url"] or whole["source"]["uri"])


def test_full_is_the_row_of_the_export_in_readable_texts(folder: Path, made: list[Any]) -> None:
    splits = dict(zip(*pq.read_table(folder / "default", columns=["id", "split"]).to_pydict().values(), strict=True))
    expected = {}
    for sample in made:
        images = {index: picture(index) for index in sample.extract.keyframes}
        row = readable(row_of(sample, splits[sample.video.id], images))
        expected[row["id"]] = json.loads(json.dumps(row, default=bytes.hex))
    found = {}
    for path in sorted((folder / "full").glob("*.parquet")):
        found |= {row["id"]: json.loads(json.dumps(row, default=bytes.hex)) for row in pq.read_table(path).to_pylist()}
    assert found == expected
    assert len(found["v102"]["title"]) == 100_000 and "\0" not in json.dumps(found["v100"])


def test_pandas_and_duckdb_read_every_file(folder: Path) -> None:
    for each in CONFIGURATIONS:
        paths = sorted((folder / each.name).glob("*.parquet"))
        for path in paths:
            frame = pd.read_parquet(path)
            assert list(frame.columns) == list(each.features())
            assert len(frame) == pq.read_metadata(path).num_rows
        if paths:
            files = f"'{folder / each.name}/*.parquet'"
            counted = duckdb.sql(f"select count(*), count(distinct id) from {files}").fetchall()
            assert counted[0][0] >= counted[0][1] == 12


def test_the_card_is_valid_for_the_hub_and_names_every_configuration(folder: Path) -> None:
    text = (folder / "README.md").read_text(encoding="utf-8")
    card = DatasetCard(text)
    header = card.data.to_dict()
    assert header["license"] == "cc-by-4.0" and header["pretty_name"] == "Films: the *best*"
    assert header["configs"][0]["config_name"] == "default"
    for config in header["configs"]:
        for file in config["data_files"]:
            assert list(folder.glob(file["path"]))
    listed = {path.parent.name for path in folder.glob("*/*.parquet")}
    assert {config["config_name"] for config in header["configs"]} == listed
    assert "Version 0.1.0" in text and "checked by no person" in text and "label-error rate is unknown" in text


def test_the_code_of_the_card_runs_on_the_release(
    folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    code = (folder / "README.md").read_text(encoding="utf-8").split("```python\n")[1].split("```")[0]
    names: dict[str, Any] = {}
    exec(code.replace("path/or/name", str(folder)), names)
    assert names["row"]["contact_sheet"].format == "JPEG"


def test_the_citation_has_what_the_format_requires(folder: Path) -> None:
    cited = yaml.safe_load((folder / "CITATION.cff").read_text(encoding="utf-8"))
    assert cited.keys() >= {"cff-version", "message", "title", "authors"}
    assert (cited["version"], cited["type"], cited["title"]) == ("0.1.0", "dataset", "Films: the *best*")


def test_the_first_100_rows_of_long_videos_stay_below_the_viewers_limit() -> None:
    """The viewer counts the JSON of the rows without pictures, and cuts above 1,000,000 bytes."""
    sample = make_sample("v000", 183, tuple(range(0, 183, 6)), captions=(LONG,), title="t" * 1000)
    row = row_of(sample, "train", None)
    (shown,) = default.rows(Published(sample, row, b"jpeg"))
    text = json.dumps(shown | {"contact_sheet": {"src": "https://datasets-server" + "x" * 500}}, ensure_ascii=False)
    assert len(shown["keyframe_seconds"]) == 31 and len(text.encode()) < 10_000


def test_rejections_are_rows_of_their_own(tmp_path: Path) -> None:
    made = [make_sample(f"v{number}") for number in range(3)]
    with finished(tmp_path / "w", made) as (place, services):
        Reviews(services.ledger).store([verdict(made[1], "reject")])
        manifest = release(place, services)
        (path,) = (place.root / "releases" / "0.1.0" / "rejections").iterdir()
        (row,) = pq.read_table(path).to_pylist()
    assert path.name == "rejected-00000-of-00001.parquet"
    assert row.keys() == {*Rejection.model_fields, "split"} and row["id"] == "v1" and row["stage"] == "review"
    assert manifest.samples == 2 and [one.videos for one in manifest.rejections] == [1]


def test_an_evaluation_reads_a_release_as_it_reads_an_export(folder: Path, made: list[Any]) -> None:
    found = read_references(folder)
    assert {item.id for item in found.items} == {sample.video.id for sample in made} and not found.problems
