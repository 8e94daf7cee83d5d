"""The check of consumers on a sound release, on planted faults, and with readers that behave badly."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from curation.release.consumers import run
from curation.release.consumers.check import check_consumers
from curation.release.consumers.registry import CONSUMERS
from curation.release.consumers.run import Consumer
from curation.release.make import make_release, plan_release
from schemas.errors import ConfigError, Interrupted
from schemas.release import FormatChoice, FormatName
from tests.curation.finished import finished
from tests.curation.release.consumers.bad_readers import WORKS
from tests.curation.release.consumers.planted import copied, raw_texts, rewrite, state, with_column
from tests.curation.release.releases import NOTHING, change
from tests.curation.samples import contents, make_sample

pytestmark = pytest.mark.slow
BY_NAME = {consumer.name: consumer for consumer in CONSUMERS}
BAD = Consumer("bad", "tests.curation.release.consumers.bad_readers", "pytest", "pytest", ("default",))


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Samples of unicode, of None, of a title of 3 MB, and plain ones; preferences, tombstones, opt-outs, formats."""
    made = [make_sample(f"v{number:03d}", webpage_url=f"https://a.b/{number}") for number in range(9)]
    made.append(
        make_sample("v100", title="Ünïcödé 漢字 🎞️ العربية \u0000\u202e|`<b>", captions=(" \u202e a\u0000 ", "b"))
    )
    made += [make_sample("v101", title=None), make_sample("v102", title="long <script>" * 250_000, tags=("a", "b"))]
    root = tmp_path_factory.mktemp("consumers") / "w"
    with finished(root, made, "frames.keep=all", "export.title=Films") as (place, services):
        change(place, services, made)
        formats = FormatChoice(names=get_args(FormatName))
        plan = plan_release(place, services, "0.1.0", NOTHING, formats=formats)
        published = {sample.video.id: "0.0.9" for sample in made}  # as if there had been a release before
        make_release(plan._replace(versions=published), services)
        yield root / "releases" / "0.1.0"


@pytest.fixture
def folder(sound: Path, tmp_path: Path) -> Path:
    return copied(sound, tmp_path / "release")


def shard(folder: Path, configuration: str) -> str:
    """The largest file of a configuration."""
    path = max((folder / configuration).glob("*.parquet"), key=lambda each: each.stat().st_size)
    return path.relative_to(folder).as_posix()


def problems(folder: Path, *names: str) -> str:
    report = check_consumers(folder, [BY_NAME[name] for name in names])
    assert report.sound == (not report.problems)
    return "\n".join(report.problems)


def test_every_consumer_reads_a_sound_release_and_changes_nothing(sound: Path, tmp_path: Path) -> None:
    before = contents(sound)
    report = check_consumers(sound)
    assert report.problems == () and report.sound, report.problems
    assert [each.name for each in report.consumers] == ["pyarrow", *BY_NAME]
    assert {each.state for each in report.consumers} == {"read"} and report.not_installed == ()
    assert all(each.version for each in report.consumers)
    assert all((each.rows >= 10 and each.parts) or each.name == "formats of trainers" for each in report.consumers)
    assert contents(sound) == before


def test_the_sound_release_has_rows_of_every_configuration(sound: Path) -> None:
    listed = json.loads((sound / "manifest.json").read_bytes())
    counts = {each["name"]: sum(split["rows"] for split in each["splits"]) for each in listed["configurations"]}
    assert (counts["full"], counts["preferences"], counts["rejections"], counts["tombstones"]) == (10, 2, 2, 2)
    assert all(counts.values())
    (gone,) = (pq.read_table(path).to_pylist() for path in (sound / "tombstones").glob("*.parquet"))
    assert [(row["id"], row["row"], row["address"] is None) for row in gone] == [
        ("v003", "withdrawn", True),
        ("v004", "kept", False),
    ]
    assert (sound / "optout.jsonl").is_file()
    for name in ("llamafactory", "trl"):
        assert [path.name for path in sorted((sound / "formats" / name / "dpo").iterdir())] == ["caption", "text"]


def test_rows_of_another_shard_are_found(folder: Path) -> None:
    train, test = (
        shard(folder, "full"),
        next(
            path.relative_to(folder).as_posix()
            for path in (folder / "full").glob("*.parquet")
            if path.name[:5] != "train"
        ),
    )
    shutil.copyfile(folder / train, folder / test)
    state(folder, test)
    told = problems(folder)
    assert f"pyarrow: {test}: " in told and "rows, stated are" in told and "split is train" in told
    assert "(by default/" in told


def test_a_wrong_count_is_found(folder: Path) -> None:
    path = shard(folder, "v2t")
    state(folder, path, rows=4000)
    told = problems(folder)
    assert "has 4000 rows in 1 files by its list of files" in told and f"{path}: " in told and "stated are 4000" in told


def test_a_dropped_column_is_found(folder: Path) -> None:
    path = shard(folder, "full")
    rewrite(folder, path, lambda table: table.drop_columns(["title"]))
    told = problems(folder, "v2xum evaluate")
    assert f"pyarrow: {path}: the column title is missing" in told
    assert "v2xum evaluate: full/train: cannot be read: ConfigError" in told and "no column title" in told


def test_a_corrupted_page_is_found(folder: Path) -> None:
    path = folder / shard(folder, "full")
    data = bytearray(path.read_bytes())
    place = data.index(b"\xff\xd8\xff")  # a picture
    data[place + 200] ^= 0x55
    path.write_bytes(data)
    state(folder, path.relative_to(folder).as_posix())
    told = problems(folder)
    assert "pyarrow: full/train: cannot be read" in told and "CRC" in told


def test_nested_nulls_are_found(folder: Path) -> None:
    path = shard(folder, "full")

    def without_summary(table: pa.Table) -> pa.Table:
        rows = table["summary"].to_pylist()
        rows[1] = None
        captions = table["captions"].to_pylist()
        captions[2] = [None, *captions[2]]
        kind = table.schema.field("captions").type
        table = with_column(table, "captions", pa.array(captions, kind))
        return with_column(table, "summary", pa.array(rows, table.schema.field("summary").type))

    rewrite(folder, path, without_summary)
    told = problems(folder, "v2xum evaluate")
    assert "summary: a structure that is null" in told and "captions: a list with a null in it" in told
    assert "v2xum evaluate: full/train: cannot be read: ConfigError" in told and "'NoneType' object" in told


def test_texts_that_break_readers_are_found(folder: Path) -> None:
    path, other = shard(folder, "v2t"), shard(folder, "default")

    def hostile(table: pa.Table) -> pa.Table:
        texts = [b"x"] * table.num_rows
        texts[0], texts[1] = b"\xed\xa0\x80", b"a"
        return with_column(table, "address", raw_texts(texts))

    rewrite(folder, path, hostile)
    huge = ["y" * 200_000, "a\0b"]
    rewrite(folder, other, lambda table: with_column(table, "title", pa.array([*huge, *["z"] * (table.num_rows - 2)])))
    told = problems(folder, "pandas", "polars")
    assert (
        f"{path}: in rows 0 to " in told and "address: a text is not UTF-8, such as one with a lone surrogate" in told
    )
    assert "title: a text of 200000 characters; readers take 100000" in told and "title: a text with NUL" in told
    assert "v2t/train" in told


def test_a_damaged_file_of_a_trainer_is_found(folder: Path) -> None:
    path = folder / "formats" / "v2xum-llm" / "train.json"
    path.write_bytes(path.read_bytes()[:-20])
    assert "formats of trainers: formats/v2xum-llm: " in problems(folder, "formats of trainers")


def test_a_picture_that_cannot_be_decoded_is_found(folder: Path) -> None:
    def broken(table: pa.Table) -> pa.Table:
        sheets = [{"bytes": b"no picture", "path": "a.jpg"} for _ in range(table.num_rows)]
        return with_column(table, "contact_sheet", pa.array(sheets, table.schema.field("contact_sheet").type))

    path = shard(folder, "default")
    rewrite(folder, path, broken)
    part = path.partition("-")[0]
    told = problems(folder, "pandas")
    assert f"pyarrow: {part}: cannot be read: UnidentifiedImageError" in told
    assert f"pandas: {part}: cannot be read: UnidentifiedImageError" in told


def test_a_card_that_leads_to_other_files_is_found_by_those_who_read_it(folder: Path) -> None:
    card = folder / "README.md"
    card.write_text(card.read_text().replace("full/train-*", "v2t/train-*"))
    readers = [BY_NAME[name]._replace(takes=("full",)) for name in ("datasets", "datasets (streaming)", "pandas")]
    told = "\n".join(check_consumers(folder, readers).problems)
    assert "datasets: full/train: " in told and "datasets (streaming): full/train: " in told
    assert "pandas: " not in told and "pyarrow: " not in told


def test_another_configuration_first_is_found(folder: Path) -> None:
    card = folder / "README.md"
    card.write_text(card.read_text().replace("config_name: default", "config_name: other"))
    told = check_consumers(folder, [BY_NAME["datasets"]._replace(takes=("default",))]).problems
    assert told and told[0].startswith("datasets: default/")


def test_a_link_that_leads_out_of_the_release_is_not_followed(folder: Path, tmp_path: Path) -> None:
    path = folder / shard(folder, "v2v")
    outside = tmp_path / "secret.parquet"
    path.rename(outside)
    path.symlink_to(outside)
    told = problems(folder)
    assert f"{path.relative_to(folder)}: a link" in told and "v2v/train: cannot be read" in told


@pytest.mark.parametrize("path", ["../secret", "/etc/passwd", "a/../../b"])
def test_a_manifest_with_other_paths_is_refused(folder: Path, path: str) -> None:
    document = json.loads((folder / "manifest.json").read_bytes())
    document["files"][0]["path"] = path
    (folder / "manifest.json").write_text(json.dumps(document))
    with pytest.raises(ConfigError, match=r"not the manifest of a release: files\.0\.path"):
        check_consumers(folder)


def test_a_folder_without_a_release_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no release here"):
        check_consumers(tmp_path)


def behave(folder: Path, how: str) -> str:
    with (folder / "README.md").open("a") as card:
        card.write(f"\n{how}\n")
    report = check_consumers(folder, [BAD])
    assert not report.sound and report.consumers[-1].state == "failed"
    return "\n".join(report.consumers[-1].problems)


def test_a_consumer_works_in_a_clean_environment(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    monkeypatch.setenv("PYTHONPATH", "/somewhere")
    told = behave(folder, "tell")
    assert "ValueError" in told and "hf_secret" not in told and "HF_TOKEN" not in told and "PYTHONPATH" not in told
    assert str(Path.home()) not in told.replace(str(folder), "") and str(Path.cwd()) not in told
    assert "HF_HUB_OFFLINE" in told and "'path': 1" in told


def test_a_consumer_may_not_use_the_network(folder: Path) -> None:
    assert "a reader of a local release must not use the network" in behave(folder, "network")


def test_a_consumer_that_crashes_is_told(folder: Path) -> None:
    assert "ended with the signal 11" in behave(folder, "crash")


def test_what_a_library_does_after_its_work_is_no_fault_of_the_release(folder: Path) -> None:
    """Threads that read ahead abort a process whose Python ends; everything was read by then."""
    told = behave(folder, "late")
    assert "ValueError" in told and "ended with" not in told


def test_a_consumer_that_leaves_is_told_with_its_last_words(folder: Path) -> None:
    assert "ended with exit code 3: the library says goodbye" in behave(folder, "exit")


def test_a_consumer_that_hangs_is_ended(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    limits = iter([300.0, 2.0])  # for the oracle, and for the consumer
    monkeypatch.setattr(run, "seconds_for", lambda plan: next(limits))
    assert "was not done after 2 s" in behave(folder, "hang")


def test_a_stop_ends_a_consumer_that_works(folder: Path) -> None:
    with (folder / "README.md").open("a") as card:
        card.write("\nhang\n")

    def raise_if_stopped() -> None:
        if (folder.parent / WORKS).exists():
            raise Interrupted("stopped")

    with pytest.raises(Interrupted):
        check_consumers(folder, [BAD], raise_if_stopped)


def test_a_consumer_that_is_not_installed_is_said(folder: Path) -> None:
    report = check_consumers(folder, [BAD._replace(imports="no_such_package", package="no-such-package")])
    assert report.sound and report.not_installed == ("bad",)
    assert report.consumers[-1].way_out == "pip install no-such-package (or the extra `consumers` of this project)"
