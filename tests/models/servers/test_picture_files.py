"""Pictures as files: each process has its own folder, and nothing is left behind."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from models.chat import Request
from models.servers.picture_files import Media
from schemas.errors import RunStopped, TransientError
from schemas.repository import ROOT


def pictures(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.jpg"))


def test_two_of_the_same_picture_do_not_meet(tmp_path: Path) -> None:
    one, two = Media(tmp_path), Media(tmp_path)
    request = Request("a", b"jpeg")
    with one.lent([request]) as [first]:
        with two.lent([request, Request("b")]) as [second, none]:
            assert first != second and none is None and len(pictures(tmp_path)) == 2
        [left] = pictures(tmp_path)
        assert left.as_uri() == first and left.read_bytes() == b"jpeg"
    assert not pictures(tmp_path)
    one.close()
    two.close()
    assert not list(tmp_path.iterdir())
    with pytest.raises(RunStopped), one.lent([request]):
        pass
    assert not list(tmp_path.iterdir())


def test_closing_takes_what_is_lent(tmp_path: Path) -> None:
    media = Media(tmp_path)
    with media.lent([Request("a", b"jpeg")]):
        media.close()
        assert not list(tmp_path.iterdir())


def test_what_a_killed_process_left_goes_and_all_else_stays(tmp_path: Path) -> None:
    script = (
        "import os, signal, sys; from pathlib import Path; from models.chat import Request\n"
        "from models.servers.picture_files import Media\n"
        "with Media(Path(sys.argv[1])).lent([Request('a', b'j')]): os.kill(os.getpid(), signal.SIGKILL)"
    )
    subprocess.run([sys.executable, "-c", script, tmp_path], check=False, cwd=ROOT)
    [left] = tmp_path.iterdir()
    process, token = left.name.split("-")[1:]
    living = tmp_path / f"v2xum-{os.getpid()}-{token}"
    elsewhere = tmp_path / f"v2xum-{process}-{'0' * 24}"
    others = [living, elsewhere, tmp_path / "mine"]
    for folder in others:
        folder.mkdir()
    target = tmp_path / "mine" / "target"
    target.mkdir()
    link = tmp_path / f"v2xum-{process}-{token[:8]}{'1' * 16}"
    link.symlink_to(target)
    Media(tmp_path)
    assert sorted(tmp_path.iterdir()) == sorted([*others, link]) and target.is_dir()


def test_a_picture_that_cannot_be_written_fails_its_video_alone(tmp_path: Path) -> None:
    folder = tmp_path / "media"
    media = Media(folder)
    folder.rmdir()
    with pytest.raises(TransientError) as caught, media.lent([Request("a", b"jpeg")]):
        pass
    assert caught.value.reason == "media_path" and str(tmp_path) not in caught.value.evidence
