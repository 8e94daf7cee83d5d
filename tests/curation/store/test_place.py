"""Which store a workspace has: its note says so, and another one needs the files first."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from curation.store.borrowed import BorrowedStore
from curation.store.place import NOTE, borrowed_store, settle_store, store_of
from curation.store.remote import BorrowedRemoteStore, RemoteStore
from curation.store.store import Store
from schemas.configuration.store_config import StoreConfig
from schemas.errors import ConfigError


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "workspace").mkdir()
    return tmp_path / "workspace"


def at(folder: Path, size: float = 50) -> StoreConfig:
    folder.mkdir(exist_ok=True)
    return StoreConfig(address=f"file://{folder}", cache_gigabytes=size)


def put(store: Store, content: bytes = b"film") -> None:
    with store.scratch() as folder:
        (folder / "film").write_bytes(content)
        store.add("videos", folder / "film", "mp4", move=True)


def test_without_an_address_there_is_no_note(root: Path) -> None:
    settle_store(root, StoreConfig())
    settle_store(root, StoreConfig(cache_gigabytes=3))
    assert list(root.iterdir()) == []
    assert type(store_of(root)) is Store and type(borrowed_store(root, root / "own")) is BorrowedStore


def test_the_note_says_where_the_files_are_for_all_who_read_no_configuration(root: Path, tmp_path: Path) -> None:
    settle_store(root, at(tmp_path / "shared", 3))
    store = store_of(root)
    assert isinstance(store, RemoteStore) and store.root == root / "store"
    assert isinstance(borrowed_store(root, tmp_path / "own"), BorrowedRemoteStore)
    written = (root / NOTE).stat().st_mtime_ns
    settle_store(root, at(tmp_path / "shared", 3))
    assert (root / NOTE).stat().st_mtime_ns == written
    settle_store(root, at(tmp_path / "shared", 4))
    assert '"cache_gigabytes": 4' in (root / NOTE).read_text()


@pytest.mark.parametrize("text", ["", "[]", "{", '{"address": "memory://a"}', '{"adress": null}'])
def test_a_damaged_note_is_told_with_the_way_out(root: Path, text: str) -> None:
    (root / NOTE).write_text(text)
    for call in (store_of, lambda root: settle_store(root, StoreConfig())):
        with pytest.raises(ConfigError, match=r"store\.json cannot be read.*remove it"):
            call(root)


def test_a_workspace_moves_only_where_all_of_its_files_are(root: Path, tmp_path: Path) -> None:
    put(store_of(root))
    first, second = at(tmp_path / "first"), at(tmp_path / "second")
    with pytest.raises(ConfigError, match=r"1 of 1 are not in .*unset store\.address"):
        settle_store(root, first)
    shutil.copytree(root / "store" / "videos", tmp_path / "first" / "videos")
    settle_store(root, first)
    put(store_of(root), b"another")
    with pytest.raises(ConfigError, match=r"2 of 2 are not in .*remove .*store\.json"):
        settle_store(root, second)
    shutil.copytree(tmp_path / "first" / "videos", tmp_path / "second" / "videos")
    settle_store(root, second)
    settle_store(root, StoreConfig())  # the folder of the workspace has both, as the cache
    assert not (root / NOTE).exists() and type(store_of(root)) is Store
    (cut,) = (path for path in (tmp_path / "second").glob("videos/??/*") if path.read_bytes() == b"film")
    cut.write_bytes(b"fil")
    with pytest.raises(ConfigError, match="1 of 2"):
        settle_store(root, second)
