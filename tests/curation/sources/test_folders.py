"""Folders as sources: links stay inside unless more is asked for, no depth ends the reading, nothing is silent."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from curation.sources.read import read_sources
from curation.video.probe import probe
from schemas.configuration.config import SourceSpec
from schemas.errors import PermanentError
from schemas.records import Rejection, Source


def read(at: Path, **spec: bool) -> tuple[list[Source], list[Rejection]]:
    items = list(read_sources(SourceSpec(at=str(at), **spec), base=at.parent))
    return [i for i in items if isinstance(i, Source)], [i for i in items if isinstance(i, Rejection)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "outside" / "more").mkdir(parents=True)
    (tmp_path / "outside" / "secret.txt").write_text("root:x:0:0:the password")
    (tmp_path / "outside" / "more" / "film.mp4").write_bytes(b"a film")
    inside = tmp_path / "videos"
    (inside / "sub").mkdir(parents=True)
    (inside / "a.mp4").write_bytes(b"a")
    return inside


def test_a_link_that_leads_out_of_the_folder_is_refused_and_named(folder: Path) -> None:
    (folder / "leak.mp4").symlink_to(folder.parent / "outside" / "secret.txt")
    (folder / "sub" / "more").symlink_to(folder.parent / "outside" / "more")
    (folder / "up").symlink_to("..")
    sources, rejections = read(folder)
    assert [Path(s.uri).name for s in sources] == ["a.mp4"]
    assert [(r.error_class, r.reason) for r in rejections] == [("refused", "link_outside_folder")] * 3
    told = "".join(r.evidence for r in rejections)
    assert all(name in told for name in ("'leak.mp4'", "'sub/more'", "'up'", "follow_links"))
    assert "secret.txt" not in told and "outside/" not in told


def test_links_are_followed_when_that_is_asked_for_and_a_circle_ends(folder: Path) -> None:
    (folder / "leak.mp4").symlink_to(folder.parent / "outside" / "secret.txt")
    (folder / "sub" / "more").symlink_to(folder.parent / "outside" / "more")
    (folder / "up").symlink_to("..")
    sources, rejections = read(folder, follow_links=True)
    assert sorted(Path(s.uri).name for s in sources) == ["a.mp4", "film.mp4", "secret.txt"]
    assert rejections == []


def test_a_link_inside_the_folder_is_the_file_that_it_names(folder: Path) -> None:
    (folder / ".kept").mkdir()
    (folder / ".kept" / "x").write_bytes(b"x")
    (folder / "sub" / "b.mp4").symlink_to("../.kept/x")
    (folder / "again").symlink_to("sub")
    sources, rejections = read(folder)
    assert [s.uri for s in sources] == [str(folder / "a.mp4"), str(folder / ".kept" / "x")]
    assert rejections == []


def test_what_is_no_file_is_a_rejection_and_not_silence(folder: Path) -> None:
    (folder / "gone.mp4").symlink_to("nowhere")
    (folder / "loop.mp4").symlink_to("loop.mp4")
    os.mkfifo(folder / "pipe.mp4")
    sources, rejections = read(folder)
    assert len(sources) == 1
    assert [r.reason for r in rejections] == ["broken_link", "broken_link", "not_a_regular_file"]
    assert [r.evidence.split(": ")[1].split("'")[1] for r in rejections] == ["gone.mp4", "loop.mp4", "pipe.mp4"]


@pytest.mark.slow
def test_twelve_hundred_nested_folders_and_beyond_what_the_system_can_open(folder: Path) -> None:
    assert sys.getrecursionlimit() <= 1200
    here = os.open(folder, os.O_RDONLY)
    try:
        for depth in range(2500):  # two bytes each: more than the 4,096 of a path
            os.mkdir("d", dir_fd=here)
            deeper = os.open("d", os.O_RDONLY, dir_fd=here)
            os.close(here)
            here = deeper
            if depth == 1200:
                os.close(os.open("deep.mp4", os.O_CREAT | os.O_WRONLY, dir_fd=here))
    finally:
        os.close(here)
    try:
        sources, rejections = read(folder)
    finally:
        subprocess.run(["rm", "-r", folder / "d"], check=True, timeout=60)  # pytest cannot remove it
    assert [Path(s.uri).name for s in sources] == ["a.mp4", "deep.mp4"]
    assert [r.reason for r in rejections] == ["folder_unreadable"]
    assert len(rejections[0].evidence) < 1000


def test_a_folder_that_may_not_be_entered_stops_nobody_else(folder: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("root may enter every folder")
    (folder / "sub" / "b.mp4").write_bytes(b"b")
    (folder / "sub").chmod(0o400)
    sources, rejections = read(folder)
    (folder / "sub").chmod(0o700)
    assert ([Path(s.uri).name for s in sources], [r.reason for r in rejections]) == (["a.mp4"], ["unreadable_file"])


def test_no_message_repeats_what_a_file_holds(folder: Path) -> None:
    with pytest.raises(PermanentError, match="not_a_video") as caught:
        probe(folder.parent / "outside" / "secret.txt")
    assert "root" not in caught.value.evidence and "text" in caught.value.evidence
