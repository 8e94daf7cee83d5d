"""A store in S3 through its faults: nothing partial is taken, no file is said to be there that is not, tries help."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from curation.store import bucket as module
from curation.store import md5, tries
from curation.store.remote import open_store
from curation.store.store import Store
from curation.workspace import Workspace
from schemas.configuration.store_config import StoreConfig
from schemas.errors import ConfigError, MachineTrouble, NotStored, TransientError
from schemas.repository import ROOT
from tests.s3 import S3, Kind, client

pytestmark = pytest.mark.slow

FILM = hashlib.sha256(b"film").digest() * 4000
PART = 5 << 20  # the smallest that S3 takes
BIG = hashlib.sha256(b"big").digest() * ((2 * PART + 70_000) // 32)


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tries, "sleep", lambda _: None)
    for place in (module, md5):
        monkeypatch.setattr(place, "PART", PART)


@pytest.fixture
def address(s3: S3) -> str:
    return f"{s3.bucket()}/films"


def put(store: Store, content: bytes = FILM) -> None:
    with store.scratch() as folder:
        (folder / "film").write_bytes(content)
        store.add("videos", folder / "film", "mp4", move=True)


def take(store: Store, content: bytes = FILM) -> bytes:
    return store.take("videos", digest(content), "mp4", len(content)).read_bytes()


def name(content: bytes = FILM) -> str:
    return f"videos/{digest(content)[:2]}/{digest(content)}.mp4"


def overwrite(s3: S3, address: str, body: bytes) -> None:
    bucket, _, folder = address.removeprefix("s3://").partition("/")
    client(s3.url).put_object(Bucket=bucket, Key=f"{folder}/{name()}", Body=body)


@pytest.mark.parametrize("content", [b"", FILM, BIG], ids=["empty", "small", "parts"])
def test_what_one_machine_adds_another_takes(content: bytes, address: str, tmp_path: Path, s3: S3) -> None:
    one, two = (open_store(address, tmp_path / name, 10**9) for name in "ab")
    one.clean()
    put(one, content)
    assert take(two, content) == content
    sent = s3.faults.seen["PUT"]
    put(one, content)
    assert s3.faults.seen["PUT"] == sent, "what is there is not sent again"


@pytest.mark.parametrize(
    ("kind", "content"),
    [("busy", FILM), ("reset", FILM), ("slow", FILM), ("spoilt", FILM), ("reset", BIG), ("spoilt", BIG)],
    ids=lambda value: value if isinstance(value, str) else f"{len(value)} bytes",
)
def test_an_upload_comes_through(kind: Kind, content: bytes, address: str, tmp_path: Path, s3: S3) -> None:
    s3.faults.plan(kind, "PUT", 2 if kind == "busy" else 1)
    put(open_store(address, tmp_path / "a", 10**9), content)
    assert take(open_store(address, tmp_path / "b", 10**9), content) == content


@pytest.mark.parametrize("kind", ["busy", "reset", "cut", "slow", "wrong"])
def test_a_download_comes_through(
    kind: Kind, address: str, tmp_path: Path, s3: S3, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_BLOCK", 50_000)
    put(open_store(address, tmp_path / "a", 10**9))
    s3.faults.plan(kind, "GET", 2 if kind in ("busy", "cut") else 1)
    assert take(open_store(address, tmp_path / "b", 10**9)) == FILM


def test_an_upload_that_never_comes_through_is_no_videos_fault(address: str, tmp_path: Path, s3: S3) -> None:
    store = open_store(address, tmp_path / "a", 10**9)
    s3.faults.plan("busy", "PUT", 2 * tries.TRIES)
    with pytest.raises(TransientError, match="store_unreachable") as failed:
        put(store)
    assert "the-secret-of-the-tests" not in str(failed.value)
    with pytest.raises(NotStored, match="file_missing"):
        take(open_store(address, tmp_path / "b", 10**9))
    put(store)
    assert take(open_store(address, tmp_path / "b", 10**9)) == FILM


def test_a_store_that_does_not_answer_is_not_taken_for_one_that_lost_the_file(
    address: str, tmp_path: Path, s3: S3
) -> None:
    put(open_store(address, tmp_path / "a", 10**9))
    other = open_store(address, tmp_path / "b", 10**9)
    s3.faults.plan("busy", "HEAD", 2 * tries.TRIES)
    with pytest.raises(TransientError) as failed:
        take(other)
    assert not isinstance(failed.value, NotStored)
    assert take(other) == FILM


def test_a_refusal_stops_the_run(address: str, tmp_path: Path, s3: S3, monkeypatch: pytest.MonkeyPatch) -> None:
    store = open_store(address, tmp_path / "a", 10**9)
    s3.faults.plan("forbidden", "PUT")
    with pytest.raises(MachineTrouble, match="environment"):
        put(store)
    with pytest.raises(MachineTrouble, match="no such bucket"):
        open_store("s3://nobody-made-this/films", tmp_path / "b", 10**9).clean()
    with pytest.raises(MachineTrouble, match="no such bucket"):
        put(open_store("s3://nobody-made-this/films", tmp_path / "c", 10**9))
    for variable in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(variable)
    for variable, value in (("AWS_EC2_METADATA_DISABLED", "true"), ("HOME", str(tmp_path))):
        monkeypatch.setenv(variable, value)
    with pytest.raises(MachineTrouble, match="environment"):
        open_store(address, tmp_path / "d", 10**9).clean()


def test_a_file_that_somebody_changed_is_not_taken_and_is_put_right(address: str, tmp_path: Path, s3: S3) -> None:
    one = open_store(address, tmp_path / "a", 10**9)
    for body in (b"x" + FILM[1:], FILM[:-1]):
        put(one)
        overwrite(s3, address, body)
        with pytest.raises(NotStored, match="file_damaged"):
            take(open_store(address, tmp_path / "b", 10**9))
        put(one)
        assert take(open_store(address, tmp_path / f"c{len(body)}", 10**9)) == FILM


def test_where_the_md5_is_of_something_else_the_file_is_read_back(
    address: str, tmp_path: Path, s3: S3, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Encrypted by a key of the customer's, an object has a tag that is no MD5."""
    monkeypatch.setattr(module, "same_md5", lambda told, file: False)
    put(open_store(address, tmp_path / "a", 10**9))
    assert s3.faults.seen["GET"] >= 1
    s3.faults.plan("spoilt", "PUT")
    put(open_store(address, tmp_path / "a", 10**9), FILM[:999])
    assert take(open_store(address, tmp_path / "b", 10**9), FILM[:999]) == FILM[:999]


_CHILD = """
import sys
from pathlib import Path
from curation.store.remote import open_store
store = open_store(sys.argv[1], Path(sys.argv[2]), 10**9)
print("began", flush=True)
store.add("videos", Path(sys.argv[3]), "mp4", move=False)
print("added", flush=True)
"""


@pytest.mark.parametrize("after", [0.0, 0.5])
def test_a_killed_upload_leaves_nothing_or_the_whole(after: float, address: str, tmp_path: Path, s3: S3) -> None:
    film = tmp_path / "film.mp4"
    film.write_bytes(BIG)
    command = [sys.executable, "-c", _CHILD, address, str(tmp_path / "a"), str(film)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None and child.stdout.readline() == "began\n"
        until = time.monotonic() + after
        while time.monotonic() < until and child.poll() is None:
            time.sleep(0.01)
        child.send_signal(signal.SIGKILL)
        said = child.stdout.read()
    try:
        assert take(open_store(address, tmp_path / "b", 10**9), BIG) == BIG
    except NotStored as error:
        assert error.reason == "file_missing" and said == ""
    store = open_store(address, tmp_path / "a", 10**9)
    store.clean()
    put(store, BIG)
    assert take(open_store(address, tmp_path / "c", 10**9), BIG) == BIG


def test_a_workspace_moves_to_an_address_once_its_files_are_there(s3: S3, tmp_path: Path) -> None:
    import fsspec

    place, new = Workspace(tmp_path / "w"), StoreConfig.model_validate({"address": f"{s3.bucket()}/films"})
    put(place.store())
    with pytest.raises(ConfigError, match=r"1 of 1 are not in s3://.*aws s3 sync"):
        place.settle_store(new)
    assert type(place.store()) is Store
    files = fsspec.filesystem("s3", skip_instance_cache=True)
    files.put(f"{tmp_path}/w/store/videos", f"{new.address}/", recursive=True)
    place.settle_store(new)
    assert take(open_store(new.address, tmp_path / "b", 10**9)) == FILM
