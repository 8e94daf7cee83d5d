"""Releases of a workspace: immutable, equal for equal ledgers, whole or not there at all."""

import multiprocessing
import multiprocessing.process
import shutil
import time
from collections.abc import Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from annotation.report.rates import share
from curation.dataset.check import check_export
from curation.frames.files import frames_key
from curation.pipeline.run import Run
from curation.pipeline.services import Services, open_services
from curation.release.configurations.registry import CONFIGURATIONS
from curation.release.gate import Limits
from curation.release.make import make_release, plan_release
from curation.review.verdict_store import Reviews
from curation.status.counts import summarize
from curation.status.opt_outs import take_opt_outs
from curation.workspace import Workspace
from flows.cli.printing.print_status import print_status
from flows.local.plan import _again
from schemas.configuration.loading import load_config
from schemas.documents.review_report import LabelErrors
from schemas.errors import ConfigError, ReleaseRefused
from schemas.release import FormatChoice, ReleaseManifest
from schemas.repository import ROOT
from tests.curation.finished import finished
from tests.curation.people import shown, verdict
from tests.curation.release.releases import NOTHING, make_in_a_process, release
from tests.curation.samples import contents, make_sample
from tests.forks import forked

pytestmark = pytest.mark.slow
MADE = [make_sample(f"v{number:03d}") for number in range(12)]
STATED = ("export.title=Films", "export.licence=cc-by-4.0")
KILLS = 20


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[tuple[Workspace, Services]]:
    with finished(tmp_path / "w", MADE, *STATED) as (place, services):
        yield place, services


def releases(place: Workspace) -> list[str]:
    folder = place.root / "releases"
    return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []


def test_the_manifest_names_every_file_and_counts_every_configuration(opened: tuple[Workspace, Services]) -> None:
    place, services = opened
    manifest = release(place, services)
    folder = place.root / "releases" / "0.1.0"
    assert manifest == ReleaseManifest.model_validate_json((folder / "manifest.json").read_bytes())
    assert [file.path for file in manifest.files] == sorted(contents(folder).keys() - {"manifest.json"})
    assert check_export(folder).problems == []
    assert [each.name for each in manifest.configurations] == [each.name for each in CONFIGURATIONS]
    rows = {each.name: sum(split.rows for split in each.splits) for each in manifest.configurations}
    assert {rows[name] for name in ("default", "full", "v2v", "v2t", "v2vt")} == {len(MADE)} == {manifest.samples}
    assert rows["frames"] == sum(len(sample.frames.frames) for sample in MADE)
    assert (manifest.version, manifest.title, manifest.licence) == ("0.1.0", "Films", "cc-by-4.0")
    assert (manifest.review.samples, manifest.review.unreviewed) == (12, 12)
    assert all(path.stat().st_mode & 0o222 == 0 for path in folder.rglob("*") if path.is_file()), "read only"


def test_equal_ledgers_give_equal_bytes(opened: tuple[Workspace, Services], tmp_path: Path) -> None:
    place, services = opened
    release(place, services)
    release(place, services, releases=tmp_path / "again")
    with finished(tmp_path / "other", list(reversed(MADE)), *STATED) as other:
        release(*other)
    first = contents(place.root / "releases" / "0.1.0")
    assert contents(tmp_path / "again" / "0.1.0") == first
    assert contents(tmp_path / "other" / "releases" / "0.1.0") == first


def test_a_version_that_exists_is_refused_and_says_whether_anything_is_new(
    opened: tuple[Workspace, Services],
) -> None:
    place, services = opened
    release(place, services)
    before = contents(place.root / "releases")
    with pytest.raises(ConfigError, match=r"0\.1\.0 exists, and a release never changes: the ledger has nothing new"):
        release(place, services)
    Reviews(services.ledger).store([verdict(MADE[0])])
    with pytest.raises(ConfigError, match="the ledger has changed since, so take a higher version"):
        release(place, services)
    assert contents(place.root / "releases") == before
    release(place, services, "0.2.0")
    with pytest.raises(ConfigError, match=r"lower than the latest release 0\.2\.0"):
        release(place, services, "0.1.1")
    assert {name: data for name, data in contents(place.root / "releases").items() if name in before} == before


def test_a_folder_of_other_files_is_not_replaced(opened: tuple[Workspace, Services]) -> None:
    place, services = opened
    (place.root / "releases" / "0.1.0").mkdir(parents=True)
    with pytest.raises(ConfigError, match="cannot be read as a release; take another version"):
        release(place, services)


def test_a_refused_release_leaves_nothing(opened: tuple[Workspace, Services]) -> None:
    place, services = opened
    errors = LabelErrors(population=12, drawn=12, judged=4, rate=share(1, 4))
    with pytest.raises(ReleaseRefused, match=r"12 of 12 samples are unreviewed .*; the label-error rate is 25\.0%"):
        release(place, services, errors=errors, limits=Limits(max_unreviewed=0.5, max_error_rate=0.3))
    assert releases(place) == []
    release(place, services, errors=errors, limits=Limits(max_unreviewed=1.0, max_error_rate=0.9))


def test_a_sample_that_cannot_be_written_is_never_dropped(opened: tuple[Workspace, Services]) -> None:
    place, services = opened
    folder = services.store.frames(frames_key(MADE[3].video.sha256, services.config.frames))
    for path in folder.iterdir():
        path.unlink()
    with pytest.raises(ReleaseRefused, match=r"1 of 12 samples cannot be written \(v003: file_missing"):
        release(place, services)
    assert releases(place) == []


def test_a_workspace_without_samples_has_nothing_to_release(tmp_path: Path) -> None:
    with finished(tmp_path / "w", []) as opened, pytest.raises(ConfigError, match="no sample to release"):
        release(*opened)


def test_after_a_change_the_way_to_samples_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with finished(tmp_path / "w", MADE[:3]) as (place, services):
        assert summarize(services.view).outdated == {}
    config = load_config(ROOT / "configs" / "demo.yaml", ("extract.ratio_target=0.3",))
    place.save_config(config)
    with open_services(place, config) as services:
        with pytest.raises(ConfigError, match=r"finished videos are due again \(3\); run `v2xum curate`"):
            release(place, services)
        counts = summarize(services.view)
        assert (counts.pending, counts.outdated) == (3, {"extract": 3})
        waiting = dict.fromkeys(("v000", "v001"), frozenset({"extract"}))
        assert _again(cast(Run, SimpleNamespace(services=services)), waiting) == {"extract": 2}
    print_status(counts, place.root)
    said = " ".join(capsys.readouterr().out.split())
    assert "3 of the pending were finished, until" in said and "(due: extract)" in said


def test_a_first_run_that_was_stopped_before_the_audit_outdates_nothing(tmp_path: Path) -> None:
    with finished(tmp_path / "w", MADE[:2]) as (_, services):
        services.ledger.forget("v000", "audit")
        counts = summarize(services.view)
        assert (counts.samples, counts.pending, counts.outdated) == (1, 1, {})


def test_without_pictures_there_are_no_sheets(tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    with finished(tmp_path / "w", MADE[:3], "export.images=false") as (place, services):
        release(place, services)
        (path,) = (place.root / "releases" / "0.1.0" / "default").glob("train-*")
        assert pq.read_table(path)["contact_sheet"].null_count == pq.read_metadata(path).num_rows > 0


def test_kills_leave_no_release_or_the_whole_one(opened: tuple[Workspace, Services], tmp_path: Path) -> None:
    """The release is killed at 20 moments of its work; then it is made, and equals one that was never disturbed.

    It has an earlier version, people's fixes, an opt-out, and two formats of trainers.
    """
    place, services = opened
    release(place, services, "0.0.1")
    (place.root / "optout.jsonl").write_text('{"id": "v003"}\n')
    take_opt_outs(place.root, services.config.refresh, services.ledger)
    fixed = shown(MADE[1], k0={"caption": "A kite is blue.", "changed": True})
    Reviews(services.ledger).store([verdict(MADE[0]), verdict(MADE[1], "fix", keyframes=fixed)])
    formats = FormatChoice(names=("llamafactory", "v2xum-llm"))
    shutil.copytree(place.root / "releases", tmp_path / "calm")
    manifest = release(place, services, releases=tmp_path / "calm", formats=formats)
    rows = {each.name: sum(split.rows for split in each.splits) for each in manifest.configurations}
    assert (rows["full"], rows["tombstones"]) == (len(MADE) - 1, 1)
    assert rows["preferences"] and rows["lineage"]
    assert {path.name for path in (tmp_path / "calm" / "0.1.0" / "formats").iterdir()} == {"llamafactory", "v2xum-llm"}
    out = place.root / "releases" / "0.1.0"
    calm = contents(tmp_path / "calm" / "0.1.0")

    def begin() -> tuple[multiprocessing.process.BaseProcess, Connection]:
        mine, theirs = multiprocessing.Pipe()
        process = forked(make_in_a_process, place.root, formats, theirs)
        process.start()
        assert mine.poll(60) and mine.recv() == "now"
        return process, mine

    def end(process: multiprocessing.process.BaseProcess) -> bool:
        process.kill()
        process.join(60)
        if not out.exists():
            return True
        assert contents(out) == calm, "it was faster, and is whole"
        shutil.rmtree(out)
        return False

    process, undisturbed = begin()
    began = time.monotonic()
    assert undisturbed.poll(60) and undisturbed.recv() == "done"
    took = time.monotonic() - began
    assert not end(process)
    killed, tries = 0, 0
    while killed < KILLS and tries < 4 * KILLS:
        tries += 1
        process, _ = begin()
        time.sleep(took * killed / KILLS)
        if end(process):
            killed += 1
        else:
            took *= 0.9
    assert killed == KILLS
    release(place, services, formats=formats)
    assert releases(place) == ["0.0.1", "0.1.0"], "nothing is left of the killed ones"
    assert contents(out) == calm


def test_the_plan_writes_nothing(opened: tuple[Workspace, Services]) -> None:
    place, services = opened
    plan = plan_release(place, services, "1.0.0-rc.1", NOTHING)
    assert (plan.version, plan.figures.unreviewed, len(plan.ids)) == ("1.0.0-rc.1", 12, 12)
    assert releases(place) == []
    assert make_release(plan, services).made_from == plan.made_from


def test_other_settings_of_the_dataset_are_another_content(opened: tuple[Workspace, Services]) -> None:
    place, services = opened
    before = plan_release(place, services, "0.1.0", NOTHING).made_from
    services.config = load_config(ROOT / "configs" / "demo.yaml", ("export.title=Others", "export.licence=cc-by-4.0"))
    assert plan_release(place, services, "0.1.0", NOTHING).made_from != before
