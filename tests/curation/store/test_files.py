"""Files: their hash, and the atomic write."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from curation.store.files import hash_file, make_private, write_whole


def test_a_hash_and_a_size(tmp_path: Path) -> None:
    content = os.urandom(300_000)
    (tmp_path / "f").write_bytes(content)
    assert hash_file(tmp_path / "f") == (hashlib.sha256(content).hexdigest(), 300_000)


@pytest.mark.parametrize("durable", [False, True])
@pytest.mark.parametrize(
    ("content", "written"), [("ä\r\n\n", "ä\r\n\n".encode()), ("\ud800", b"?"), (b"\xff\x00", b"\xff\x00")]
)
def test_a_file_is_replaced_and_nothing_else_is_left(
    tmp_path: Path, content: str | bytes, written: bytes, durable: bool
) -> None:
    (tmp_path / "f").write_text("old")
    write_whole(tmp_path / "f", content, durable=durable)
    assert (tmp_path / "f").read_bytes() == written
    assert [file.name for file in tmp_path.iterdir()] == ["f"]


@pytest.mark.parametrize("step", ["open", "replace"])
def test_an_error_leaves_the_old_file_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    (tmp_path / "f").write_text("old")
    with monkeypatch.context() as patch:
        patch.setattr(Path, step, full)
        with pytest.raises(OSError, match="No space left"):
            write_whole(tmp_path / "f", "new")
    assert (tmp_path / "f").read_text() == "old"
    assert [file.name for file in tmp_path.iterdir()] == ["f"]


def test_a_private_file_is_never_readable_for_others(tmp_path: Path) -> None:
    (tmp_path / "f").write_text("old")
    (tmp_path / "f").chmod(0o644)
    write_whole(tmp_path / "f", "new", private=True)
    assert (tmp_path / "f").stat().st_mode & 0o777 == 0o600
    (tmp_path / "folder").mkdir(mode=0o755)
    (tmp_path / "folder" / "x").write_text("x")
    make_private(tmp_path / "folder", tmp_path / "folder" / "x", tmp_path / "none")
    assert (tmp_path / "folder").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "folder" / "x").stat().st_mode & 0o777 == 0o600
