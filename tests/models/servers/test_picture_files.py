"""Pictures as files: each process has its own subfolder, and no file is left."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from models.chat import Request, Shown
from models.servers.picture_files import PictureFolder
from schemas.errors import RunStopped, TransientError
from schemas.repository import ROOT


def pictures(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.jpg"))


def test_two_of_the_same_picture_do_not_meet(tmp_path: Path) -> None:
    first_run, second_run = PictureFolder(tmp_path), PictureFolder(tmp_path)
    request = Request("a", b"jpeg")
    with first_run.lend([request]) as [[first]]:
        with second_run.lend([request, Request("b")]) as [[second], none]:
            assert first != second and none == [] and len(pictures(tmp_path)) == 2
        [left] = pictures(tmp_path)
        assert left.as_uri() == first and left.read_bytes() == b"jpeg"
    assert not pictures(tmp_path)
    first_run.close()
    second_run.close()
    assert not list(tmp_path.iterdir())
    with pytest.raises(RunStopped), first_run.lend([request]):
        pass
    assert not list(tmp_path.iterdir())


def test_every_picture_of_a_clip_has_an_address_and_a_shared_one_lies_there_once(tmp_path: Path) -> None:
    folder = PictureFolder(tmp_path)
    first = Request("a", clip=(Shown("[0]", b"one"), Shown("[1]", b"two")))
    second = Request("a", clip=(Shown("[1]", b"two"), Shown("[2]", b"three")))
    with folder.lend([first, second]) as urls:
        assert len(pictures(tmp_path)) == 3 and urls[0][1] == urls[1][0]
        read = [[Path(url.removeprefix("file://")).read_bytes() for url in row] for row in urls]
        assert read == [[b"one", b"two"], [b"two", b"three"]]
    assert not pictures(tmp_path)
    folder.close()


def test_closing_removes_pictures_that_are_in_use(tmp_path: Path) -> None:
    folder = PictureFolder(tmp_path)
    with folder.lend([Request("a", b"jpeg")]):
        folder.close()
        assert not list(tmp_path.iterdir())


def test_the_subfolder_of_a_killed_process_is_removed_and_all_else_stays(tmp_path: Path) -> None:
    script = (
        "import os, signal, sys; from pathlib import Path; from models.chat import Request\n"
        "from models.servers.picture_files import PictureFolder\n"
        "with PictureFolder(Path(sys.argv[1])).lend([Request('a', b'j')]): os.kill(os.getpid(), signal.SIGKILL)"
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
    PictureFolder(tmp_path)
    assert sorted(tmp_path.iterdir()) == sorted([*others, link]) and target.is_dir()


def test_a_picture_that_cannot_be_written_fails_its_video_alone(tmp_path: Path) -> None:
    folder = tmp_path / "pictures"
    in_folder = PictureFolder(folder)
    folder.rmdir()
    with pytest.raises(TransientError) as caught, in_folder.lend([Request("a", b"jpeg")]):
        pass
    assert caught.value.reason == "media_path" and str(tmp_path) not in caught.value.evidence
