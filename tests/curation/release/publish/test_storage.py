"""Publishing to addresses of fsspec: the pointer comes last, changes are found, and a kill leaves what was there."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import fsspec
import pytest

from curation.release.publish.address import StorageAddress, parse_address
from curation.release.publish.local import LocalRelease
from curation.release.publish.steps import Steps, Wishes
from curation.release.publish.storage import Storage, publish_to_storage
from schemas.documents.publication import Publication
from schemas.errors import ConfigError, NotPublished
from tests.curation.samples import contents

pytestmark = pytest.mark.slow


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "published films"


@pytest.fixture
def memory() -> Iterator[StorageAddress]:
    files = fsspec.filesystem("memory")
    files.store.clear()
    yield storage("memory://bucket/films")
    files.store.clear()


def storage(url: str) -> StorageAddress:
    found = parse_address(url)
    assert isinstance(found, StorageAddress)
    return found


def publish(url: str, release: LocalRelease, **wishes: bool) -> Publication:
    return publish_to_storage(storage(url), release, Wishes(**wishes), Steps())


def latest(folder: Path) -> str:
    return str(json.loads((folder / "latest.json").read_text())["version"])


def test_a_folder_holds_exactly_the_release_and_a_pointer(
    folder: Path, first: LocalRelease, second: LocalRelease
) -> None:
    url = f"file://{folder}"
    done = publish(url, first)
    assert (done.state, done.sent_files) == ("published", len(first.files))
    assert contents(folder / "0.1.0") == contents(first.folder)
    pointer = json.loads((folder / "latest.json").read_text())
    assert pointer == {
        "version": "0.1.0",
        "manifest": "0.1.0/manifest.json",
        "manifest_sha256": first.files["manifest.json"].sha256,
    }
    before = contents(folder)
    assert publish(url, first).state == "already" and contents(folder) == before
    assert publish(url, second, dry_run=True).sent_files == len(second.files) and contents(folder) == before
    publish(url, second)
    assert latest(folder) == "0.2.0" and contents(folder / "0.1.0") == contents(first.folder)
    assert publish(url, first).state == "already" and latest(folder) == "0.2.0"


def test_every_file_and_every_name_is_on_the_disk_before_readers_are_pointed_to_it(
    folder: Path, first: LocalRelease, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also a file that a killed try had written and not synced."""
    place = folder / "deep"
    kept = place / "0.1.0" / "README.md"
    kept.parent.mkdir(parents=True)
    kept.write_bytes((first.folder / "README.md").read_bytes())
    done: list[Path] = []
    sync, replace = os.fsync, os.replace

    def fsync(descriptor: int) -> None:
        done.append(Path(f"/proc/self/fd/{descriptor}").readlink())
        sync(descriptor)

    def renamed(source: Path, target: Path) -> None:
        done.append(Path(target))
        replace(source, target)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(os, "replace", renamed)
    publish(f"file://{place}", first)
    data, moved = {place / "0.1.0" / path for path in first.files} - {place / "0.1.0" / "manifest.json"}, done.index
    before_manifest = set(done[: moved(place / "0.1.0" / "manifest.json")])
    assert data <= before_manifest
    assert {path.parent for path in data} | {place, folder, folder.parent} <= before_manifest
    after_manifest = done[moved(place / "0.1.0" / "manifest.json") :]
    assert place / "0.1.0" in after_manifest[: after_manifest.index(place / "latest.json")]
    assert place in after_manifest[after_manifest.index(place / "latest.json") :]


def test_a_store_in_memory_is_as_good_as_a_folder(memory: StorageAddress, first: LocalRelease) -> None:
    publish_to_storage(memory, first, Wishes(), Steps())
    files = fsspec.filesystem("memory")
    for path in first.files:
        assert files.cat_file(f"/bucket/films/0.1.0/{path}") == (first.folder / path).read_bytes()


@pytest.mark.parametrize("stop_after", [0, 1, 5, 10, 17])
def test_a_publication_that_ends_anywhere_shows_the_last_one_and_goes_on(
    folder: Path, first: LocalRelease, second: LocalRelease, stop_after: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The store fails after so many writes, in the middle of the next one."""
    url = f"file://{folder}"
    publish(url, first)
    whole, written = Storage.put, []

    def put(self: Storage, source: Path, path: str) -> None:
        if len(written) == stop_after:
            target = folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(source.read_bytes()[: source.stat().st_size // 2])
            raise KeyboardInterrupt
        written.append(path)
        whole(self, source, path)

    monkeypatch.setattr(Storage, "put", put)
    with pytest.raises(KeyboardInterrupt):
        publish(url, second)
    monkeypatch.setattr(Storage, "put", whole)
    assert latest(folder) == "0.1.0" and not (folder / "0.2.0" / "manifest.json").exists()
    done = publish(url, second)
    assert done.sent_files == len(second.files) - stop_after, "what is whole is not sent again"
    assert latest(folder) == "0.2.0" and contents(folder / "0.2.0") == contents(second.folder)


def test_a_pointer_that_a_kill_left_behind_is_moved(folder: Path, first: LocalRelease, second: LocalRelease) -> None:
    url = f"file://{folder}"
    publish(url, first)
    old = (folder / "latest.json").read_bytes()
    publish(url, second)
    (folder / "latest.json").write_bytes(old)
    assert publish(url, second).state == "published" and latest(folder) == "0.2.0"


def test_what_a_killed_write_of_the_manifest_left_is_removed(folder: Path, first: LocalRelease) -> None:
    (folder / "0.1.0").mkdir(parents=True)
    left = folder / "0.1.0" / ".manifest.json.123.456"
    left.write_bytes(b"{")
    assert publish(f"file://{folder}", first, dry_run=True).state == "would" and left.exists()
    assert publish(f"file://{folder}", first).state == "published"
    assert contents(folder / "0.1.0") == contents(first.folder)


def test_a_store_that_cannot_be_opened_is_told(first: LocalRelease) -> None:
    with pytest.raises(NotPublished, match=r"^ftp://127\.0\.0\.1:1/films: opening it: "):
        publish("ftp://127.0.0.1:1/films", first)


def test_a_published_file_that_changed_is_found(folder: Path, first: LocalRelease) -> None:
    url = f"file://{folder}"
    publish(url, first)
    for change in (b"changed", None):
        target = folder / "0.1.0" / "README.md"
        target.unlink() if change is None else target.write_bytes(change)
        with pytest.raises(NotPublished, match=r"somebody changed or removed README.md"):
            publish(url, first)
        publish(url, first, overwrite=True)
        assert contents(folder / "0.1.0") == contents(first.folder)


def test_other_content_strange_files_and_a_foreign_pointer_are_refused(
    folder: Path, first: LocalRelease, second: LocalRelease
) -> None:
    url = f"file://{folder}"
    publish(url, first)
    with pytest.raises(ConfigError, match="exists with other content"):
        publish(url, second._replace(version="0.1.0"))
    (folder / "0.2.0").mkdir()
    (folder / "0.2.0" / "notes.txt").write_text("x")
    with pytest.raises(ConfigError, match=r"not of this release \(notes.txt\)"):
        publish(url, second)
    (folder / "0.2.0" / "notes.txt").unlink()
    (folder / "latest.json").write_text("[]")
    with pytest.raises(ConfigError, match=r"latest.json is not ours"):
        publish(url, second)


def test_a_store_that_loses_bytes_is_never_pointed_to(
    folder: Path, first: LocalRelease, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = Storage.put

    def put(self: Storage, source: Path, path: str) -> None:
        whole(self, source, path)
        if path.endswith("full/train-00000-of-00001.parquet"):
            (folder / path).write_bytes(b"\0" * source.stat().st_size)

    monkeypatch.setattr(Storage, "put", put)
    with pytest.raises(NotPublished, match="comes back with other bytes"):
        publish(f"file://{folder}", first)
    assert not (folder / "latest.json").exists()


def test_access_missing_drivers_and_places_without_permission_are_told(tmp_path: Path, first: LocalRelease) -> None:
    with pytest.raises(ConfigError, match="are for the Hub"):
        publish(f"file://{tmp_path}/x", first, private=True)
    with pytest.raises(ConfigError, match=r"gdrive|gcs|install"):
        publish("gs://bucket/films", first)
    (tmp_path / "file").write_text("x")
    with pytest.raises(NotPublished, match=r"writing .*: (FileExists|NotADirectory)Error"):
        publish(f"file://{tmp_path}/file", first)
