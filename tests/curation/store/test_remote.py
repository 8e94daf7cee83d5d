"""A store at an address gives what was put into it, on every machine, or says that it is not stored."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.store import remote
from curation.store.bucket import open_bucket
from curation.store.remote import BorrowedRemoteStore, RemoteStore, open_store
from curation.store.store import Store
from schemas.errors import ConfigError, NotStored
from schemas.records import Video
from tests.curation.samples import contents, make_sample
from tests.curation.threads import in_threads

FILMS = [bytes([number]) * (40 + number) for number in range(4)]
KEY = "ab" * 32


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def machine(folder: Path, name: str = "one", cache: int = 10**9, in_use: float = 1800) -> RemoteStore:
    """A machine's store on the address that all in this folder share."""
    (folder / "shared").mkdir(exist_ok=True)
    return RemoteStore(open_bucket(f"file://{folder}/shared"), folder / name, cache, in_use)


def put(store: Store, content: bytes = FILMS[0]) -> Path:
    with store.scratch() as folder:
        (folder / "film").write_bytes(content)
        return store.add("videos", folder / "film", "mp4", move=True).path


def take(store: Store, content: bytes = FILMS[0]) -> bytes:
    return store.take("videos", digest(content), "mp4", len(content)).read_bytes()


def video(content: bytes) -> Video:
    changes = {"sha256": digest(content), "bytes": len(content), "extension": "mp4"}
    return make_sample("film").video.model_copy(update=changes)


def there(folder: Path, content: bytes = FILMS[0]) -> Path:
    return folder / "shared" / "videos" / digest(content)[:2] / f"{digest(content)}.mp4"


def test_what_one_machine_adds_another_takes(tmp_path: Path) -> None:
    put(machine(tmp_path))
    assert there(tmp_path).read_bytes() == FILMS[0]
    other = machine(tmp_path, "two")
    assert take(other) == FILMS[0]
    there(tmp_path).unlink()
    assert take(other) == FILMS[0]  # from its own folder


def test_a_file_is_at_the_address_before_it_is_said_to_be_stored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = machine(tmp_path)

    def fails(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr(store.bucket, "send", fails)
    with pytest.raises(MemoryError):
        put(store)
    monkeypatch.undo()
    with pytest.raises(NotStored, match="file_missing"):
        take(machine(tmp_path, "two"))
    put(store)  # it lies in the folder already
    assert take(machine(tmp_path, "two")) == FILMS[0]


def test_a_damaged_file_of_the_folder_is_fetched_again(tmp_path: Path) -> None:
    store = machine(tmp_path)
    for damage in (b"x" * len(FILMS[0]), FILMS[0][:5]):
        put(store).write_bytes(damage)
        assert take(store) == FILMS[0]


def test_a_file_that_is_damaged_or_gone_everywhere_is_not_stored_until_it_is_put_again(tmp_path: Path) -> None:
    store = machine(tmp_path)
    for damage in (None, b"x" * len(FILMS[0]), FILMS[0][:5]):
        put(store).unlink()
        there(tmp_path).unlink()
        if damage is not None:
            there(tmp_path).write_bytes(damage)
        with pytest.raises(NotStored, match="file_damaged" if damage else "file_missing"):
            take(store)
        assert contents(store.root / "videos") == {}
        put(store)
        assert there(tmp_path).read_bytes() == FILMS[0]


def test_what_is_in_the_folder_only_is_sent_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = machine(tmp_path)
    videos = [video(content) for content in FILMS]
    for content in FILMS[:2]:
        put(store, content)
    assert store.sizes(videos) == {digest(content): len(content) for content in FILMS[:2]}
    there(tmp_path, FILMS[1]).unlink()
    for few in (16, 1):  # asked one by one, and listed
        monkeypatch.setattr(remote, "_FEW", few)
        assert store.sizes(videos) == {digest(FILMS[0]): len(FILMS[0])}
    assert take(store, FILMS[1]) == FILMS[1]
    assert there(tmp_path, FILMS[1]).read_bytes() == FILMS[1]
    assert store.sizes(videos).keys() == {digest(content) for content in FILMS[:2]}


def test_frames_stay_on_the_machine(tmp_path: Path) -> None:
    store = machine(tmp_path)
    with store.scratch() as folder:
        (folder / "frames").mkdir()
        (folder / "frames" / "000000.jpg").write_bytes(b"picture")
        assert store.commit_frames(folder / "frames", KEY) == store.frames(KEY)
    assert contents(store.frames(KEY)) == {"000000.jpg": b"picture"}
    assert not machine(tmp_path, "two").frames(KEY).exists() and not (tmp_path / "shared" / "frames").exists()


def test_a_folder_that_was_copied_to_the_address_is_its_store(tmp_path: Path) -> None:
    """As `aws s3 sync` copies it, and as fsspec does."""
    import fsspec

    old = Store(tmp_path / "old")
    for content in FILMS:
        put(old, content)
    store = machine(tmp_path)
    files = fsspec.filesystem("file")
    files.put(f"{old.root}/videos", f"{tmp_path}/shared/", recursive=True)
    for content in FILMS:
        assert take(store, content) == content


def test_a_folder_and_an_address_that_lie_in_each_other_are_refused(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "a", tmp_path / "a" / "b"):
        with pytest.raises(ConfigError, match="lie in each other"):
            open_store(f"file://{tmp_path}/a", folder, 10)
    assert type(open_store(None, tmp_path, 10)) is Store


def test_threads_that_take_one_file_fetch_it_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(machine(tmp_path))
    other, fetched = machine(tmp_path, "two"), []
    fetch = other.bucket.fetch

    def slow(*arguments: object) -> None:
        fetched.append(arguments)
        time.sleep(0.2)
        fetch(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(other.bucket, "fetch", slow)
    assert in_threads(6, lambda _: take(other)) == [FILMS[0]] * 6
    assert len(fetched) == 1


def test_a_borrowed_store_reads_folder_and_address_and_writes_to_neither(tmp_path: Path) -> None:
    lender = machine(tmp_path)
    for content in FILMS[:2]:
        put(lender, content)
    there_before = contents(tmp_path / "shared")
    lender.path("videos", digest(FILMS[1]), "mp4").unlink()
    before = contents(lender.root)
    borrowed = BorrowedRemoteStore(lender.root, lender.bucket, tmp_path / "own", 10**9)
    assert [take(borrowed, content) for content in FILMS[:2]] == FILMS[:2]
    put(borrowed, FILMS[2])
    assert take(borrowed, FILMS[2]) == FILMS[2]
    with pytest.raises(NotStored):
        take(borrowed, FILMS[3])
    assert contents(lender.root) == before and contents(tmp_path / "shared") == there_before


def test_a_run_begins_with_a_probe_and_within_the_bound(tmp_path: Path) -> None:
    store = machine(tmp_path, cache=100, in_use=0)
    for content in FILMS:
        put(store, content)
    store.clean()
    assert sum(len(data) for data in contents(store.root / "videos").values()) <= 100
    assert (tmp_path / "shared" / "probe" / "v2xum").exists()
    assert [take(store, content) for content in FILMS] == FILMS


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["add", "take", "evict", "lose", "damage", "damage here", "sizes"]),
            st.integers(0, len(FILMS) - 1),
            st.sampled_from(["one", "two"]),
        ),
        max_size=30,
    )
)
def test_any_sequence_gives_what_was_put_or_says_that_it_is_not_stored(steps: list[tuple[str, int, str]]) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        stores = {name: machine(folder, name, cache=90, in_use=0) for name in ("one", "two")}
        whole: set[int] = set()
        for step, which, on in steps:
            content, store = FILMS[which], stores[on]
            if step == "add":
                put(store, content)
                whole.add(which)
                assert there(folder, content).read_bytes() == content
            elif step == "take":
                try:
                    assert take(store, content) == content
                except NotStored:
                    assert which not in whole
            elif step == "evict":
                store._cache.evict()
            elif step == "sizes":
                found = store.sizes([video(content)])
                assert found.get(digest(content)) == len(content) or which not in whole
            elif step == "damage here":
                path = store.path("videos", digest(content), "mp4")
                if path.exists():
                    path.write_bytes(b"?" * len(content))
                    os.utime(path)
            elif there(folder, content).exists():
                whole.discard(which)
                if step == "lose":
                    there(folder, content).unlink()
                else:
                    there(folder, content).write_bytes(b"!" * len(content))
        shutil.rmtree(folder / "one", ignore_errors=True)
        fresh = machine(folder, "three")
        for which in whole:
            assert take(fresh, FILMS[which]) == FILMS[which]
