"""An address with a signature is downloaded with it, and the signature is nowhere in the workspace or in a message."""

from __future__ import annotations

import hashlib
import logging
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from benchmarks.instant import config
from curation.ledger import tables
from curation.pipeline import unsign
from curation.pipeline.open import open_view
from curation.pipeline.process import process
from curation.pipeline.run import Run, open_run
from curation.pipeline.services import open_services
from curation.pipeline.stage_functions import stage_function
from curation.status.counts import summarize
from curation.status.explain import find
from curation.workspace import Workspace
from schemas.configuration.config import CurateConfig, SourceSpec
from schemas.configuration.loading import load_config
from schemas.errors import ConfigError, NotStored
from schemas.records import Origin, Source, Video
from tests.curation.scripted_stages import Tally, Works, run_all
from tests.curation.servers import VideoServer

SECRET, LATER = "S3CR3TvalueX", "L4T3RvalueY"


@pytest.fixture
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VideoServer]:
    with VideoServer(tmp_path_factory.mktemp("films")) as server:
        yield server


def configured(*at: str | Path) -> CurateConfig:
    chosen = config()
    download = chosen.download.model_copy(update={"allow_private_addresses": True, "attempts": 1, "backoff": 0.0})
    sources = tuple(SourceSpec(at=str(place)) for place in at)
    return chosen.model_copy(update={"sources": sources, "download": download})


def downloaded(run: Run) -> list[str]:
    services, ids = run.services, run.register()
    process(
        "download",
        ids,
        ledger=services.ledger,
        hashes=services.hashes,
        work=stage_function(services, "download"),
        progress=Tally(),  # type: ignore[arg-type]
        stop=services.stop,
    )
    return ids


def holding(root: Path, word: str) -> list[str]:
    return [
        str(path.relative_to(root)) for path in root.rglob("*") if path.is_file() and word.encode() in path.read_bytes()
    ]


def test_the_signature_is_sent_and_kept_nowhere(
    site: VideoServer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    root, rows = tmp_path / "workspace", tmp_path / "l.csv"
    signed = site.url(f"/video.mp4?n=1&Expires=17&Signature={SECRET}&Key-Pair-Id=K")
    rows.write_text(f"id,url,title\n,{signed},see {signed}\n,{site.url('/missing.mp4')}?token={SECRET},gone\n")
    with open_run(root, configured(rows, site.url(f"/video.mp4?n=2&sig={SECRET}&se=1"))) as run:
        ids = downloaded(run)
        entries = [run.services.ledger.entry(video, "download") for video in ids]
        assert [entry.head.status for entry in entries if entry is not None] == ["done", "rejected", "done"]
        assert any(f"Signature={SECRET}" in path for path in site.paths())
        assert any(f"sig={SECRET}" in path for path in site.paths())
    assert holding(root, SECRET) == []
    assert SECRET not in caplog.text
    with open_view(Workspace(root)) as view:
        assert find(view.ledger, signed) == [ids[0]]
    # Another signature is the same address: nothing is due.
    rows.write_text(f"id,url,title\n,{signed.replace(SECRET, LATER).replace('=17', '=99')},gone\n")
    asked = len(site.paths())
    with open_run(root, configured(rows)) as run:
        assert downloaded(run) == ids[:1]
        assert len(site.paths()) == asked


def test_an_expired_signature_is_replaced_in_the_list_and_the_download_goes_on(
    site: VideoServer, tmp_path: Path
) -> None:
    root, rows = tmp_path / "workspace", tmp_path / "l.csv"
    rows.write_text(f"url\n{site.url('/guarded.mp4')}?token=expired\n")
    with open_run(root, configured(rows)) as run:
        (video,) = downloaded(run)
        entry = run.services.ledger.entry(video, "download")
        assert entry is not None and (entry.head.error_class, entry.head.reason) == ("transient", "forbidden")
    rows.write_text(f"url\n{site.url('/guarded.mp4')}?token=valid\n")
    with open_run(root, configured(rows)) as run:
        assert downloaded(run) == [video]
        entry = run.services.ledger.entry(video, "download")
        assert entry is not None and Video.model_validate_json(entry.payload).bytes == len(site.mp4)


@pytest.mark.parametrize(
    "at",
    [
        f"https://user:{SECRET}@h.example/v.mp4",
        f"https://h.example:99999/v.mp4?sig={SECRET}",
        f"https://a b.example/v.mp4?sig={SECRET}",
        f"ftp://h.example/v.mp4?sig={SECRET}",
        f"h.example/v.mp4?X-Amz-Signature={SECRET}",
        f"./none.mp4?token={SECRET}",
    ],
)
def test_no_message_repeats_a_secret(tmp_path: Path, at: str) -> None:
    with open_run(tmp_path / "workspace", configured(at)) as run, pytest.raises(ConfigError) as caught:
        run.register()
    assert SECRET not in str(caught.value) and "sources.at" in str(caught.value)
    (tmp_path / "l.csv").write_text(f"url,id\n{at},{at}\nhttps://h.example/x,{at}\n")
    with open_run(tmp_path / "workspace", configured(tmp_path / "l.csv")) as run:
        run.register()
    assert holding(tmp_path / "workspace", SECRET) == []
    file = tmp_path / "run.yaml"
    file.write_text(f"name: x\nsources:\n  - at: '{at}'\n   bad: [indent\n")
    with pytest.raises(ConfigError) as caught:
        load_config(file)
    assert SECRET not in str(caught.value)
    assert SECRET not in f"{configured(at)!r} {configured(at)}"


def test_only_the_owner_may_read_ledger_and_configuration_those_of_old_workspaces_included(tmp_path: Path) -> None:
    root = tmp_path / "workspace"
    for _ in range(2):
        with open_run(root, configured("https://h.example/v")) as run:
            run.register()
            (root / "prefect").mkdir(exist_ok=True)
            files = [root / "config.json", *root.glob("ledger.sqlite*")]
            assert len(files) == 4
            assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}
        for path in root.iterdir():
            path.chmod(0o755 if path.is_dir() else 0o644)
    with open_view(Workspace(root)):
        assert {stat.S_IMODE(path.stat().st_mode) for path in [root / "config.json", *root.glob("ledger.sqlite*")]} == {
            0o600
        }
        assert stat.S_IMODE((root / "prefect").stat().st_mode) == 0o700


def test_a_lost_file_is_not_asked_for_without_the_key_of_its_address(site: VideoServer, tmp_path: Path) -> None:
    """Commands that read no list, such as `v2xum export`, do not know the key."""
    root, rows = tmp_path / "workspace", tmp_path / "l.csv"
    rows.write_text(f"url\n{site.url('/video.mp4')}?key={SECRET}\n")
    with open_run(root, configured(rows)) as run:
        (name,) = downloaded(run)
        entry = run.services.ledger.entry(name, "download")
    assert entry is not None and entry.head.status == "done"
    video = Video.model_validate_json(entry.payload)
    asked = len(site.paths())
    with open_services(Workspace(root)) as services:
        services.store.path("videos", video.sha256, video.extension).unlink()
        with pytest.raises(NotStored, match=r"gone from the store.*key_unknown.*v2xum curate"):
            services.restorer.file(video)
    assert len(site.paths()) == asked
    with open_run(root, configured(rows)) as run:
        run.register()
        assert run.services.restorer.file(video).stat().st_size == len(site.mp4)


def test_a_workspace_of_an_earlier_version_loses_its_signatures_and_nothing_else(tmp_path: Path) -> None:
    root, rows = tmp_path / "workspace", tmp_path / "l.csv"
    address = "https://h.example/v.mp4?n=1&X-Amz-Signature="
    old = hashlib.sha256(f"{address}{SECRET}".encode()).hexdigest()[:16]
    earlier = Source(
        id=old,
        kind="url",
        uri=address + SECRET,
        title=f"see {address}{SECRET}",
        origin=Origin(list_name="l.csv", row=1),
        metadata={"id": address + SECRET},
    )
    kept = Source(id="kept", kind="url", uri=f"{address}{SECRET}&n=2", origin=Origin(list_name="l.csv", row=2))
    signed = address + LATER
    rows.write_text(f"url,id,title\n{signed},{signed},see {signed}\n{signed}&n=2,kept,\n")
    with open_run(root, configured(rows)) as run:
        ledger = run.services.ledger
        # The results are made by the addresses as they were then.
        ids = ledger.register([earlier, kept])
        run_all(ledger, ids, Works(), run.services.hashes)
        before = {head.stage: head.digest for head in ledger.heads([old])[old].values()}
        with ledger.engine.begin() as connection:
            connection.execute(sa.delete(tables.properties).where(tables.properties.c.name == unsign.PROPERTY))
    assert holding(root, SECRET) == ["ledger.sqlite"]
    for _ in range(2):
        with open_view(Workspace(root)) as view:
            assert summarize(view).samples == 2
            assert {head.stage: head.digest for head in view.ledger.heads([old])[old].values()} == before
    assert holding(root, SECRET) == []
    with open_run(root, configured(rows)) as run:  # the list, with new signatures
        assert run.register() == ids
        assert run.due(ids) == []
        assert summarize(run.services.view).videos == 2


def test_a_workspace_opens_in_which_a_video_was_finished_without_and_then_with_a_signature(tmp_path: Path) -> None:
    """Taking the signature out gives its results the fingerprints of the earlier ones."""
    root, rows = tmp_path / "workspace", tmp_path / "l.csv"
    plain = "https://h.example/v.mp4?n=1"
    rows.write_text(f"url,id\n{plain},v\n")
    with open_run(root, configured(rows)) as run:
        ledger, origin = run.services.ledger, Origin(list_name="l.csv", row=1)
        for address in (plain, f"{plain}&X-Amz-Signature={SECRET}"):
            ids = ledger.register([Source(id="v", kind="url", uri=address, origin=origin)])
            run_all(ledger, ids, Works(), run.services.hashes)
        last = {head.stage: head.digest for head in ledger.heads(ids)["v"].values()}
        with ledger.engine.begin() as connection:
            connection.execute(sa.delete(tables.properties).where(tables.properties.c.name == unsign.PROPERTY))
    with open_view(Workspace(root)) as view:
        assert summarize(view).samples == 1
        assert {head.stage: head.digest for head in view.ledger.heads(["v"])["v"].values()} == last
    assert holding(root, SECRET) == []


def test_an_error_that_nobody_foresaw_is_logged_without_the_signature(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    wrong = ValueError(f"cannot fetch https://user:{SECRET}@h.example/v?token={SECRET}")
    with open_run(tmp_path / "workspace", configured(f"https://h.example/v?token={SECRET}")) as run:
        ids = run.register()
        run_all(run.services.ledger, ids, Works({("download", ids[0]): [wrong]}), run.services.hashes)
        assert summarize(run.services.view).reasons == {"download: unexpected": 1}
    assert "cannot fetch https://h.example/v" in caplog.text and SECRET not in caplog.text
    assert holding(tmp_path / "workspace", SECRET) == []


def test_a_stored_address_without_its_key_is_not_tried(tmp_path: Path) -> None:
    root = tmp_path / "workspace"
    with open_run(root, configured(f"https://h.example/v?key={SECRET}")) as run:
        run.register()
    stored = Workspace(root).config()
    with open_run(root, stored) as run, pytest.raises(ConfigError, match=r"secret_left_out.*whole address"):
        run.register()
