"""The export of a workspace: damage is noticed and mended, and no sample leaves it without a reason."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from curation.dataset.check import validate
from curation.dataset.export import export_workspace, is_exported
from curation.pipeline.services import Services
from curation.review.verdict_store import Reviews
from curation.status.counts import summarize
from curation.workspace import Workspace
from schemas.errors import ConfigError, FewerSamples, FilesGone
from schemas.manifest import Manifest
from tests.curation.finished import finished
from tests.curation.hashes import changed
from tests.curation.people import verdict
from tests.curation.samples import contents, make_sample

pytestmark = pytest.mark.slow
MADE = [make_sample(f"v{number:03d}") for number in range(6)]
STATED = ("export.title=Films", "export.licence=cc-by-4.0")


@pytest.fixture
def exported(tmp_path: Path) -> Iterator[tuple[Workspace, Services]]:
    with finished(tmp_path / "w", MADE, *STATED) as (place, services):
        assert export_workspace(place, services, note=pytest.fail).samples == 6
        yield place, services


def shard(out: Path) -> Path:
    return sorted((out / "data").glob("train-*.parquet"))[0]


def flip(path: Path, at: int = 5_000) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)


def restate(out: Path) -> None:
    """Another row, with a manifest that agrees with it: only the workspace can know."""
    path = shard(out)
    table = pq.read_table(path)
    pq.write_table(table.slice(0, table.num_rows - 1), path)
    manifest = Manifest.model_validate_json((out / "manifest.json").read_bytes())
    name, digest = path.relative_to(out).as_posix(), hashlib.sha256(path.read_bytes()).hexdigest()
    files = tuple(
        file.model_copy(update={"sha256": digest, "bytes": path.stat().st_size}) if file.path == name else file
        for file in manifest.files
    )
    (out / "manifest.json").write_text(manifest.model_copy(update={"files": files}).model_dump_json())


DAMAGE: dict[str, tuple[Callable[[Path], object], str]] = {
    "shards deleted": (lambda out: shutil.rmtree(out / "data"), "data/train-00000-of-00001.parquet: missing"),
    "a byte flipped": (lambda out: flip(shard(out)), "data/train-00000-of-00001.parquet: damaged"),
    "a line of the rejections": (
        lambda out: (out / "rejections.jsonl").write_text("{}\n"),
        "rejections.jsonl: damaged",
    ),
    "no card": (lambda out: (out / "README.md").unlink(), "README.md: missing"),
    "no manifest": (lambda out: (out / "manifest.json").unlink(), "manifest.json: missing"),
    "half a manifest": (lambda out: (out / "manifest.json").write_text('{"name": "f'), "manifest.json: damaged"),
    "a row less, and a manifest that agrees": (restate, "manifest.json: not the one that was written"),
    "a shard more": (
        lambda out: shutil.copy(shard(out), out / "data" / "train-00001-of-00002.parquet"),
        "data/train-00001-of-00002.parquet: not named in manifest.json",
    ),
    "nothing left": (shutil.rmtree, "manifest.json: missing"),
}


@pytest.mark.parametrize("what", DAMAGE)
def test_damage_is_named_and_mended(exported: tuple[Workspace, Services], what: str) -> None:
    place, services = exported
    before = contents(place.export)
    assert is_exported(place, services)
    harm, name = DAMAGE[what]
    harm(place.export)
    assert not is_exported(place, services)
    notes: list[str] = []
    assert export_workspace(place, services, note=notes.append).samples == 6
    assert len(notes) == 1 and name in notes[0] and "written anew" in notes[0]
    assert contents(place.export) == before
    assert is_exported(place, services)
    export_workspace(place, services, note=pytest.fail)  # and now there is nothing to say


def test_a_file_that_is_somebodys_is_set_aside(exported: tuple[Workspace, Services]) -> None:
    place, services = exported
    before = contents(place.export)
    for text in ("first", "second"):
        (place.export / "notes").mkdir(exist_ok=True)
        (place.export / "notes" / "mine.txt").write_text(text)
        notes: list[str] = []
        export_workspace(place, services, note=notes.append)
        assert len(notes) == 1 and "notes/mine.txt" in notes[0] and "export.set-aside" in notes[0]
        assert contents(place.export) == before
    kept = contents(place.root / "export.set-aside")
    assert kept == {"notes/mine.txt": b"first", "notes/mine.txt.2": b"second"}


def test_a_folder_that_is_no_export_is_never_replaced(exported: tuple[Workspace, Services], tmp_path: Path) -> None:
    place, services = exported
    shutil.rmtree(place.export)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("x")
    place.export.symlink_to(tmp_path / "mine")
    with pytest.raises(ConfigError, match="not a folder of its own"):
        export_workspace(place, services)
    assert (tmp_path / "mine" / "thesis.txt").read_text() == "x"


def emptied(services: Services) -> None:
    """What a ledger of 0 bytes, or one without its write-ahead log, is: no rows at all."""
    from tests.curation.status.test_standings import emptied

    emptied(services.ledger)


def test_an_empty_ledger_replaces_no_dataset(exported: tuple[Workspace, Services]) -> None:
    place, services = exported
    before = contents(place.export)
    emptied(services)
    with pytest.raises(FewerSamples, match=r"0 samples instead of 6\): 6 not in the ledger.*--allow-fewer"):
        export_workspace(place, services)
    assert contents(place.export) == before and validate(place.export) == []
    notes: list[str] = []
    assert export_workspace(place, services, allow_fewer=True, note=notes.append).samples == 0
    assert notes == ["samples of the last export are not in this one (6 -> 0 samples): 6 not in the ledger"]
    export_workspace(place, services, note=pytest.fail)  # it was allowed once, and is the last export now


@pytest.mark.parametrize("without", ["export.json", "the folder"])
def test_either_memory_of_the_last_export_is_enough(exported: tuple[Workspace, Services], without: str) -> None:
    """Without export.json (an earlier version, a kill just before it is written) the shards say what they hold."""
    place, services = exported
    if without == "export.json":
        (place.root / "export.json").unlink()
    else:
        shutil.rmtree(place.export)
    emptied(services)
    with pytest.raises(FewerSamples, match="6 not in the ledger"):
        export_workspace(place, services)


def test_when_both_memories_are_lost_that_is_said(exported: tuple[Workspace, Services]) -> None:
    place, services = exported
    (place.root / "export.json").unlink()
    shard(place.export).write_bytes(b"no Parquet")
    notes: list[str] = []
    assert export_workspace(place, services, note=notes.append).samples == 6
    assert notes == ["the last export cannot be read, so it is unknown whether samples left it"]


def test_samples_that_are_due_again_do_not_leave_the_dataset(exported: tuple[Workspace, Services]) -> None:
    place, services = exported
    before = contents(place.export)
    services.__dict__["hashes"] = changed("extract", base=services.hashes)
    with pytest.raises(
        FewerSamples, match=r"6 due again at extract\. Settings changed.* `v2xum curate` .* without --limit"
    ):
        export_workspace(place, services)
    assert contents(place.export) == before


def test_a_reason_is_enough_and_is_said(exported: tuple[Workspace, Services]) -> None:
    """Normal life: people reject a sample. The export goes on, with the reasons by count."""
    place, services = exported
    verdicts = [verdict(MADE[0], "reject", reasons=("harmful",)), verdict(MADE[1], "reject", reasons=("harmful",))]
    Reviews(services.ledger).store([*verdicts, verdict(MADE[2], "reject")])
    notes: list[str] = []
    assert export_workspace(place, services, note=notes.append).samples == 3
    assert notes == [
        "samples of the last export are not in this one (6 -> 3 samples): 2 review: harmful, 1 review: rejected"
    ]
    lines = [json.loads(line) for line in (place.export / "rejections.jsonl").read_text().splitlines()]
    assert {line["id"] for line in lines} == {"v000", "v001", "v002"}


def test_samples_that_cannot_be_written_any_more_do_not_leave_the_dataset(
    exported: tuple[Workspace, Services],
) -> None:
    """Pictures and videos are gone from the store: nobody decided that, so the good export stays."""
    place, services = exported
    before = contents(place.export)
    shutil.rmtree(place.root / "store" / "frames")
    flip(shard(place.export))
    with pytest.raises(FilesGone, match=r"would lose 6 of its samples.*v000: .*--allow-fewer"):
        export_workspace(place, services)
    assert contents(place.export).keys() == before.keys()
    assert summarize(services.view).samples == 6, "nothing was noted in the ledger"
    notes: list[str] = []
    assert export_workspace(place, services, allow_fewer=True, note=notes.append).samples == 0
    assert "(6 -> 0 samples): 6 export:" in notes[-1]
    counts = summarize(services.view)
    assert (counts.samples, counts.rejected + counts.retryable) == (0, 6)


def test_the_card_asks_for_title_and_licence(tmp_path: Path) -> None:
    with finished(tmp_path / "w", MADE[:1], "export.title=Mine") as (place, services):
        notes: list[str] = []
        export_workspace(place, services, note=notes.append)
        assert len(notes) == 1 and "export.licence" in notes[0] and "export.title" not in notes[0]
        assert "only you know it (set" in notes[0]
