"""Whole commands with the store in S3: the same bytes as with a folder, also on a machine that has nothing yet."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import fsspec
import pytest

from curation.store.place import NOTE
from curation.workspace import Workspace
from schemas.configuration.store_config import StoreConfig
from tests.curation.samples import contents
from tests.runs import CONFIG, command_line, in_process
from tests.s3 import S3

pytestmark = [pytest.mark.prefect, pytest.mark.slow]


@pytest.fixture
def moved(undisturbed: Path, s3: S3, tmp_path: Path) -> Workspace:
    """A finished workspace whose files were copied to S3 by fsspec; on this machine nothing is left of them."""
    place = Workspace(Path(shutil.copytree(undisturbed, tmp_path / "moved")))
    address = f"{s3.bucket()}/films"
    fsspec.filesystem("s3", skip_instance_cache=True).put(f"{place.root}/store/videos", f"{address}/", recursive=True)
    place.settle_store(StoreConfig(address=address))
    shutil.rmtree(place.root / "store")
    return place


def test_a_machine_with_an_empty_folder_exports_the_same_bytes(
    moved: Workspace, undisturbed: Path, tmp_path: Path
) -> None:
    """The frames are drawn again there; so they are where another user may only read the workspace."""
    wanted = contents(undisturbed / "export")
    assert in_process("export", moved.root, "--to", tmp_path / "to").returncode == 0
    assert contents(tmp_path / "to") == wanted
    assert not (moved.root / "store" / "videos").exists()
    shutil.rmtree(moved.export)
    assert in_process("export", moved.root).returncode == 0
    assert contents(moved.export) == wanted
    fetched, known = contents(moved.root / "store" / "videos"), contents(undisturbed / "store" / "videos")
    assert fetched and fetched.items() <= known.items()


def test_a_run_keeps_its_videos_in_s3_and_goes_on_from_there(films: Path, server: str, s3: S3, tmp_path: Path) -> None:
    place, source = Workspace(tmp_path / "workspace"), tmp_path / "films"
    source.mkdir()
    shutil.copy(films / "film 0.mp4", source)
    address = f"{s3.bucket()}/films"
    arguments = ("curate", CONFIG, "--source", source, "--workspace", place.root, "--set", f"store.address={address}")
    s3.faults.plan("busy", "PUT", 2)
    s3.faults.plan("reset", "PUT", path="/videos/")
    done = command_line(server, *arguments)
    assert done.returncode == 0, done.stderr
    files = fsspec.filesystem("s3", skip_instance_cache=True)
    (video,) = files.find(f"{address}/videos")
    assert files.cat(video) == (source / "film 0.mp4").read_bytes()
    assert json.loads((place.root / NOTE).read_text())["address"] == address
    exported = contents(place.export)
    for folder in (place.export, place.root / "store"):
        shutil.rmtree(folder)
    s3.faults.plan("cut", "GET", path="/videos/")
    done = command_line(server, *arguments)
    assert done.returncode == 0, done.stderr
    assert contents(place.export) == exported
    said = in_process("status", place.root).stdout
    assert "the-secret-of-the-tests" not in said + done.stderr
