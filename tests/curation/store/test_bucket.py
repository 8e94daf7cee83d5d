"""Files at an address: what comes back is what was sent, or an error says what is there; quick file systems only."""

from __future__ import annotations

import hashlib
import os
import sys
from pathlib import Path

import fsspec
import pytest

from curation.store import bucket as module
from curation.store import tries
from curation.store.bucket import Bucket, open_bucket, put_on_disk
from schemas.errors import ConfigError, MachineTrouble, NotStored, TransientError

FILM = b"the film " * 500
NAME = "videos/ab/film.mp4"


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tries, "sleep", lambda _: None)


@pytest.fixture(params=["file", "memory"])
def bucket(request: pytest.FixtureRequest, tmp_path: Path) -> Bucket:
    """An empty one on the disk, or in memory."""
    if request.param == "file":
        (tmp_path / "shared").mkdir()
        return open_bucket(f"file://{tmp_path}/shared")
    files = fsspec.filesystem("memory", skip_instance_cache=True)
    files.store = {}
    files.pseudo_dirs = [""]
    return Bucket(files, "/films", "memory://films")


@pytest.fixture
def film(tmp_path: Path) -> Path:
    path = tmp_path / "film.mp4"
    path.write_bytes(FILM)
    return path


def send(bucket: Bucket, film: Path) -> None:
    bucket.send(NAME, film, digest(film.read_bytes()), film.stat().st_size)


def test_what_was_sent_comes_back_by_blocks(
    bucket: Bucket, film: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_BLOCK", 1000)
    assert bucket.size(NAME) is None and bucket.sizes("videos") == {}
    for _ in range(2):
        send(bucket, film)
    assert bucket.size(NAME) == len(FILM)
    assert bucket.sizes("videos") == {NAME: len(FILM)} and bucket.sizes("subtitles") == {}
    bucket.fetch(NAME, tmp_path / "back", digest(FILM), len(FILM))
    assert (tmp_path / "back").read_bytes() == FILM


def test_another_file_in_its_place_is_told_by_size_or_hash_and_replaced(
    bucket: Bucket, film: Path, tmp_path: Path
) -> None:
    target, wanted = tmp_path / "back", digest(FILM)
    with pytest.raises(NotStored, match="file_missing"):
        bucket.fetch(NAME, target, wanted)
    for other in (FILM[:-1], b"x" + FILM[1:]):
        wrong = tmp_path / "wrong"
        wrong.write_bytes(other)
        bucket._upload(bucket._path(NAME), wrong)
        assert not bucket.holds(NAME, film, wanted, len(FILM))
        with pytest.raises(NotStored, match="file_damaged"):
            bucket.fetch(NAME, target, wanted, len(FILM))
    send(bucket, film)
    bucket.fetch(NAME, target, wanted)
    assert target.read_bytes() == FILM


def test_an_upload_that_is_never_right_is_the_moments_fault(
    bucket: Bucket, film: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload, other = bucket._upload, tmp_path / "other"
    other.write_bytes(b"x" * len(FILM))
    monkeypatch.setattr(bucket, "_upload", lambda path, file: upload(path, other))
    with pytest.raises(TransientError, match="not what was sent"):
        send(bucket, film)


def test_a_probe_writes_and_reads(bucket: Bucket) -> None:
    bucket.probe()
    bucket.probe()
    assert bucket.sizes("probe") == {"probe/v2xum": len(module._PROBE)}


# ---- on a disk


def test_a_folder_that_is_not_there_is_not_made_since_a_disk_may_be_mounted_there(film: Path, tmp_path: Path) -> None:
    bucket = open_bucket(f"file://{tmp_path}/unmounted")
    with pytest.raises(MachineTrouble, match="mount it"):
        bucket.probe()
    with pytest.raises(MachineTrouble, match="mount it"):
        send(bucket, film)
    assert not (tmp_path / "unmounted").exists()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_may_not_be_written_to_stops_the_run(tmp_path: Path) -> None:
    (tmp_path / "shared").mkdir(mode=0o500)
    with pytest.raises(MachineTrouble, match="environment"):
        open_bucket(f"file://{tmp_path}/shared").probe()


def test_a_killed_upload_leaves_no_file_and_is_forgotten_after_two_weeks(
    film: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "shared"
    root.mkdir()

    def dies(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "copy_file", dies)
    with pytest.raises(KeyboardInterrupt):
        put_on_disk(film, root / NAME, root)
    assert not (root / NAME).exists()
    old, new = root / "scratch" / "old", root / "scratch" / "new"
    for path in (old, new):
        path.write_bytes(b"half")
    os.utime(old, (0, 0))
    open_bucket(f"file://{root}").clean()
    assert not old.exists() and new.exists()


# ---- addresses


@pytest.mark.parametrize(
    "address", ["memory://films", "simplecache::s3://films", "s3://key:hidden@films", "s3://films?key=x"]
)
def test_no_other_address_is_opened(address: str) -> None:
    with pytest.raises(ConfigError, match=r"address of a store|into an address") as refused:
        open_bucket(address)
    assert "hidden" not in str(refused.value)


@pytest.mark.parametrize(("address", "way"), [("gs://films", "install gcsfs"), ("abfs://films", "install adlfs")])
def test_a_missing_library_is_named(address: str, way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("gcsfs", "adlfs"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ConfigError, match=way):
        open_bucket(address)


def test_the_extra_is_named_where_s3fs_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "s3fs", None)
    with pytest.raises(ConfigError, match=r"pip install -e '\.\[s3\]'"):
        open_bucket("s3://films")
