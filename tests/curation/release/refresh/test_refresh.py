"""A refresh from end to end: opt-outs, tombstones in the next release, what comes back, and what a dry run leaves."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa

from curation.dataset.check import check_export
from curation.dataset.export import export_workspace
from curation.ledger import tables
from curation.ledger.entries import record_entry
from curation.ledger.part import checksum
from curation.ledger.stages import STAGES
from curation.pipeline.services import Services, open_services
from curation.release.refresh.refresh import refresh_workspace
from curation.review.verdict_store import Reviews
from curation.sources.opt_outs import opt_out
from curation.status.counts import summarize
from curation.status.explain import explain
from curation.workspace import Workspace
from schemas.configuration.config import SourceSpec
from schemas.configuration.refresh_config import RefreshConfig
from schemas.errors import ConfigError
from schemas.records import Sample
from tests.curation.finished import finished
from tests.curation.people import finish, shown, verdict
from tests.curation.release.refresh.released import QUICK, Clock, again, at, found, look, released
from tests.curation.samples import contents

pytestmark = pytest.mark.slow
Opened = tuple[Workspace, Services]
SECRET = "Ann's holiday"


@pytest.fixture
def films(tmp_path: Path) -> list[Sample]:
    """Samples of local files, which a test can change; the second is of a channel."""
    made = []
    for number in range(6):
        path = tmp_path / f"film{number}.mp4"
        body = str(number) * 123_456  # as many bytes as the factory says
        path.write_text(body)
        said = {"channel_id": "UCann", "channel": "Ann", "title": SECRET} if number == 1 else {}
        made.append(at(f"v{number}", str(path), content=body, **said))
    return made


@pytest.fixture
def opened(tmp_path: Path, films: list[Sample]) -> Iterator[Opened]:
    with released(tmp_path / "w", films) as made:
        yield made


def rows(place: Workspace, version: str, configuration: str) -> dict[str, dict[str, Any]]:
    folder = place.root / "releases" / version / configuration
    columns = None if configuration != "default" else ["id", "address"]
    tables = [pq.read_table(path, columns=columns) for path in sorted(folder.glob("*.parquet"))]
    return {row["id"]: row for table in tables for row in table.to_pylist()}


def with_policy(opened: Opened, **policy: Any) -> Opened:
    """The workspace under another policy."""
    place, services = opened
    changed = services.config.refresh.model_copy(update=policy)
    services.config = services.config.model_copy(update={"refresh": RefreshConfig.model_validate(changed)})
    place.save_config(services.config)
    return opened


def test_local_files_that_went_have_tombstones_after_two_looks_and_rows_stay(
    opened: Opened, films: list[Sample]
) -> None:
    place, clock = opened[0], Clock()
    assert found(look(opened, clock)) == {"available": 6}
    report = look(opened, clock)
    assert report.looks.due == 0 and report.proposal.version is None, "a second refresh has nothing to do"
    clock.sleep(30)
    Path(films[2].source.uri).unlink()
    report = look(opened, clock)
    assert found(report) == {"available": 5, "file_missing": 1} and report.tombstones == {}
    clock.sleep(6)
    assert look(opened, clock).looks.due == 0
    clock.sleep(1)
    report = look(opened, clock)
    assert (report.looks.due, report.tombstones) == (1, {"file_missing": 1})
    assert [one.model_dump() for one in report.made] == [{"id": "v2", "reason": "file_missing", "date": "2027-02-21"}]
    assert (report.proposal.version, report.proposal.level) == ("0.1.1", "patch")
    manifest = again(*opened, "0.1.1")
    assert manifest.samples == 6 and check_export(place.root / "releases" / "0.1.1").problems == []
    assert rows(place, "0.1.1", "tombstones") == {
        "v2": {
            "id": "v2",
            "reason": "file_missing",
            "date": "2027-02-21",
            "detail": None,
            "row": "kept",
            "last_version": "0.1.1",
            "address": "film2.mp4",
            "sha256": films[2].video.sha256,
            "split": "gone",
        }
    }
    card = (place.root / "releases" / "0.1.1" / "README.md").read_text()
    assert "\n\nOf 1 published videos the source is gone" in card and "still here.\n\n## An example" in card
    assert look(opened, clock).proposal.version is None


@pytest.mark.parametrize(("policy", "hashed"), [("withdraw", True), ("erase", False)])
def test_by_policy_a_row_leaves_and_comes_back_with_its_source(
    opened: Opened, films: list[Sample], policy: str, hashed: bool
) -> None:
    place, services = with_policy(opened, gone=policy, confirm_days=0)
    clock, path = Clock(), Path(films[3].source.uri)
    body = path.read_bytes()
    path.unlink()
    look(opened, clock)
    report = look(opened, clock)
    assert report.tombstones == {"file_missing": 1}
    assert (report.proposal.version, report.proposal.level) == ("0.2.0", "minor")
    assert [each.words for each in report.proposal.reasons] == [
        "1 row left (download: file_missing 1)",
        "1 new tombstone (file_missing 1)",
    ]
    again(place, services, "0.2.0")
    assert "v3" not in rows(place, "0.2.0", "default") and "v3" not in rows(place, "0.2.0", "frames")
    rejection = rows(place, "0.2.0", "rejections")["v3"]
    assert (rejection["stage"], rejection["reason"]) == ("download", "file_missing")
    assert (rejection["address"] is not None) == hashed
    stone = rows(place, "0.2.0", "tombstones")["v3"]
    assert (stone["row"], stone["last_version"]) == ("withdrawn", "0.1.0")
    assert (stone["sha256"] is not None, stone["address"] is not None) == (hashed, hashed)
    assert explain(services.view, "v3").rejections[0].reason == "file_missing"
    path.write_bytes(body)
    clock.sleep(30)
    report = look(opened, clock)
    assert [one.id for one in report.lifted] == ["v3"] and report.tombstones == {}
    assert [each.what for each in report.proposal.reasons] == ["rows_added", "tombstones_lifted"]
    again(place, services, "0.3.0")
    assert "v3" in rows(place, "0.3.0", "default") and rows(place, "0.3.0", "tombstones") == {}


def test_a_file_that_was_exchanged_is_gone_at_once(opened: Opened, films: list[Sample]) -> None:
    Path(films[0].source.uri).write_bytes(b"another film")
    report = look(opened, Clock())
    assert report.tombstones == {"file_changed": 1}


@pytest.mark.parametrize(
    "line", [{"id": "v1"}, {"channel": "https://www.youtube.com/channel/UCann"}, {"channel": "ann"}]
)
def test_who_opted_out_leaves_everything_and_is_named_nowhere(
    opened: Opened, films: list[Sample], line: dict[str, str]
) -> None:
    place, services = opened
    export_workspace(place, services)
    (place.root / "optout.jsonl").write_text(json.dumps(line) + "\n")
    report = look(opened, Clock())
    assert report.opt_outs.model_dump() == {"in_force": 1, "new": 1, "lifted": 0, "videos": 1}
    assert (report.tombstones, report.looks.watched) == ({"opted_out": 1}, 5)
    assert (report.proposal.version, report.proposal.reasons[0].words) == ("0.2.0", "1 row left (source: opted_out 1)")
    again(place, services, "0.2.0")
    export_workspace(place, services)
    assert rows(place, "0.2.0", "default").keys() == {"v0", "v2", "v3", "v4", "v5"}
    rejection = {"stage": "source", "error_class": "refused", "reason": "opted_out", "evidence": ""}
    nameless = {"id": "v1", "title": None, "address": None, "split": "rejected"}
    assert rows(place, "0.2.0", "rejections") == {"v1": {**rejection, **nameless}}
    stone = rows(place, "0.2.0", "tombstones")["v1"]
    assert stone["reason"] == "opted_out" and stone["sha256"] is stone["address"] is stone["detail"] is None
    kind, name = next(iter(line.items()))
    published = (place.root / "releases" / "0.2.0" / "optout.jsonl").read_text()
    assert json.loads(published) == {"kind": kind, "sha256": opt_out(kind, name).sha256}  # type: ignore[arg-type]
    for folder in (place.export, place.root / "releases" / "0.2.0"):
        for path, body in contents(folder).items():
            for secret in (SECRET, "UCann", "film1.mp4", films[1].video.sha256):
                assert secret.encode() not in body, (path, secret)
    counts = summarize(services.view)
    assert (counts.samples, counts.rejected, counts.reasons) == (5, 1, {"source: opted_out": 1})


def test_an_opt_out_holds_until_it_is_lifted_and_concerns_copies(opened: Opened, tmp_path: Path) -> None:
    place, services = opened
    path = place.root / "optout.jsonl"
    path.write_text('{"id": "v1"}\n')
    look(opened, Clock())
    path.unlink()
    assert look(opened, Clock()).opt_outs.in_force == 1, "a list that is lost brings nothing back"
    again(place, services, "0.2.0")
    path.write_text('{"id": "v1", "lifted": true}\n')
    report = look(opened, Clock())
    assert (report.opt_outs.in_force, report.opt_outs.lifted, report.opt_outs.videos) == (0, 1, 0)
    assert [each.what for each in report.proposal.reasons] == ["rows_added", "tombstones_lifted", "opt_outs"]


def test_the_same_bytes_under_another_id_leave_too(tmp_path: Path) -> None:
    samples = [at("v1", "/films/a.mp4", content="same"), at("v2", "/films/b.mp4", content="same"), at("v3", "/films/c")]
    with finished(tmp_path / "w", samples[::2], *QUICK) as (place, services):
        finish(services.ledger, samples[1], services.hashes)
        (place.root / "optout.jsonl").write_text('{"id": "v2"}\n')
        again(place, services, "0.1.0")
        assert rows(place, "0.1.0", "default").keys() == {"v3"}


def test_the_list_may_stand_elsewhere_and_a_wrong_line_stops_everything(opened: Opened, tmp_path: Path) -> None:
    place, services = with_policy(opened, opt_outs=str(tmp_path / "people.jsonl"), publish_opt_outs="ids")
    with pytest.raises(ConfigError, match=r"people\.jsonl: the list of opt-outs cannot be read"):
        look(opened, Clock())
    (tmp_path / "people.jsonl").write_text('{"id": "v1"}\n{"id": }\n')
    for work in (lambda: look(opened, Clock()), lambda: again(place, services, "0.2.0")):
        with pytest.raises(ConfigError, match=r"people\.jsonl: line 2: not JSON"):
            work()
    assert services.ledger.opt_outs() == [] and not (place.root / "releases" / "0.2.0").exists()
    (tmp_path / "people.jsonl").write_text('{"id": "v1"}\n{"channel": "somebody else"}\n')
    again(place, services, "0.2.0")
    lines = (place.root / "releases" / "0.2.0" / "optout.jsonl").read_text().splitlines()
    assert [sorted(json.loads(line)) for line in lines] == [["kind", "sha256"], ["id"]]


def test_a_dry_run_writes_nothing_and_says_the_same(opened: Opened, films: list[Sample], tmp_path: Path) -> None:
    place, services = opened
    look(opened, Clock())
    (place.root / "optout.jsonl").write_text('{"id": "v1"}\n')
    Path(films[0].source.uri).unlink()
    place.save_config(services.config.model_copy(update={"sources": _sources(tmp_path)}))
    services.ledger.close()
    before = contents(place.root)
    report = refresh_workspace(place, dry_run=True)
    assert contents(place.root) == before
    assert report.dry_run and report.opt_outs.new == 1 and report.sources.new == 5 and report.looks.checked == 0
    assert report.proposal.version == "0.2.0"
    done = refresh_workspace(place)
    assert (done.opt_outs, done.sources) == (report.opt_outs, report.sources)
    assert (done.proposal.version, done.proposal.reasons[0]) == (report.proposal.version, report.proposal.reasons[0])
    assert refresh_workspace(place).sources.new == 0


def _sources(folder: Path) -> Any:
    return (SourceSpec(at=str(folder)),)


def test_sources_that_cannot_be_read_stop_nothing_else(opened: Opened, tmp_path: Path) -> None:
    services = opened[1]
    services.config = services.config.model_copy(update={"sources": (SourceSpec(at=str(tmp_path / "gone.csv")),)})
    report = look(opened, Clock())
    assert report.sources.problem is not None and "gone.csv" in report.sources.problem
    assert report.looks.checked == 6


def test_a_person_s_fix_is_a_patch(opened: Opened, films: list[Sample]) -> None:
    services = opened[1]
    look(opened, Clock())
    Reviews(services.ledger).store([verdict(films[4])])
    report = look(opened, Clock())
    assert (report.proposal.version, [each.words for each in report.proposal.reasons]) == ("0.1.1", ["1 row changed"])


def test_whatever_a_reader_of_any_configuration_would_see_is_a_patch(opened: Opened, films: list[Sample]) -> None:
    """What `default` does not show: a caption, who said so, a preference pair, why a video is out."""
    place, services = opened
    film, other = films[4], films[5]

    def proposed() -> tuple[str | None, list[str]]:
        proposal = look(opened, Clock()).proposal
        return proposal.version, [each.words for each in proposal.reasons]

    def fix(text: str, at: int) -> None:
        own = shown(film, k0={"caption": text, "changed": True})
        Reviews(services.ledger).store([verdict(film, "fix", at=at, keyframes=own)])

    Reviews(services.ledger).store([verdict(other, "reject", reasons=("bad_text",))])
    fix("A first text.", 0)
    again(place, services, "0.2.0")
    assert proposed() == (None, [])
    fix("A second text.", 1)
    assert proposed() == ("0.2.1", ["1 row changed"])
    fix("A first text.", 2)
    assert proposed() == (None, [])
    Reviews(services.ledger).store([verdict(other, "reject", "bob", 9, reasons=("bad_text",))])
    assert proposed() == ("0.2.1", ["1 rejection changed"])


def test_captions_that_were_made_anew_are_a_patch(opened: Opened, films: list[Sample]) -> None:
    """Captions of frames that are no keyframes stand in `frames` and `full` alone."""
    services, film = opened[1], films[2]
    look(opened, Clock())
    captions = film.captions.captions
    changed = tuple(
        one.model_copy(update={"text": "Anew."}) if one.index not in film.extract.keyframes else one for one in captions
    )
    assert changed != captions
    record = film.captions.model_copy(update={"captions": changed})
    head = services.ledger.heads([film.video.id])[film.video.id]["caption"]
    entry = record_entry(film.video.id, "caption", head.fingerprint, record, 0.0)
    services.ledger.write(entry, STAGES.later("caption"))
    finish(services.ledger, film, services.hashes)
    proposal = look(opened, Clock()).proposal
    assert (proposal.version, [each.words for each in proposal.reasons]) == ("0.1.1", ["1 row changed"])


def test_a_record_of_an_earlier_version_is_told_and_stops_nothing_else(opened: Opened) -> None:
    services, old = opened[1], tables.results.c
    of_film = sa.and_(old.video_id == "v3", old.stage == "download")
    with services.ledger.engine.begin() as connection:
        connection.execute(
            sa.update(tables.results).where(of_film).values(payload="{}", digest=checksum("{}"), fingerprint="0" * 64)
        )
    for _ in range(2):
        report = look(opened, Clock(), limit=5)
        assert report.looks.unanswered == {"unreadable_record": 1}
    assert report.looks.watched == 6 and report.looks.due == 1 and report.tombstones == {}
    assert [each.words for each in report.proposal.reasons] == ["1 row left (due again at download 1)"]


def test_a_release_of_an_earlier_version_without_a_configuration_is_compared_by_the_others(opened: Opened) -> None:
    place = opened[0]
    look(opened, Clock())
    folder = place.root / "releases" / "0.1.0"
    shutil.rmtree(folder / "lineage")
    manifest = json.loads((folder / "manifest.json").read_bytes())
    manifest["configurations"] = [each for each in manifest["configurations"] if each["name"] != "lineage"]
    (folder / "manifest.json").chmod(0o644)
    (folder / "manifest.json").write_text(json.dumps(manifest))
    proposal = look(opened, Clock()).proposal
    assert [(each.what, each.words) for each in proposal.reasons] == [("columns_added", "lineage")]


def test_without_a_release_the_first_is_proposed_and_nobody_is_asked(tmp_path: Path, films: list[Sample]) -> None:
    with finished(tmp_path / "w", films, *QUICK) as opened:
        report = look(opened, Clock())
        assert (report.release, report.looks.watched, report.proposal.version) == (None, 0, "0.1.0")
        assert "no `sources:`" in (report.sources.problem or "")


def test_a_limit_takes_the_longest_unseen_first(opened: Opened) -> None:
    clock = Clock()
    for expected in ({"available": 2}, {"available": 2}, {"available": 2}, {}):
        assert found(look(opened, clock, limit=2)) == expected
        clock.sleep(1)


def test_rows_of_another_ledger_and_a_damaged_release_are_told(opened: Opened, tmp_path: Path) -> None:
    place, _ = opened
    with finished(tmp_path / "other", [at("x", "/films/x.mp4")], *QUICK) as other:
        (tmp_path / "other" / "releases").symlink_to(place.root / "releases")
        report = look(other, Clock())
        assert (report.looks.strangers, report.looks.watched) == (6, 0)
    table = next((place.root / "releases" / "0.1.0" / "default").glob("*.parquet"))
    table.chmod(0o644)
    table.write_bytes(table.read_bytes()[:-100])
    with pytest.raises(ConfigError, match=r"default/.*\.parquet: cannot be read, so what was published is unknown"):
        look(opened, Clock())


def test_equal_ledgers_give_equal_tombstones(opened: Opened, films: list[Sample], tmp_path: Path) -> None:
    place, services = opened
    Path(films[0].source.uri).write_bytes(b"another film")
    (place.root / "optout.jsonl").write_text('{"id": "v1"}\n')
    look(opened, Clock())
    again(place, services, "0.2.0")
    first = contents(place.root / "releases" / "0.2.0")
    services.ledger.close()
    shutil.copytree(place.root, tmp_path / "copy")
    shutil.rmtree(tmp_path / "copy" / "releases" / "0.2.0")
    with open_services(Workspace(tmp_path / "copy")) as copied:
        again(Workspace(tmp_path / "copy"), copied, "0.2.0")
    assert contents(tmp_path / "copy" / "releases" / "0.2.0") == first
