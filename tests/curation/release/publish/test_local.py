"""A release is published only when it is whole and of names that the Hub takes."""

import hashlib
import json
import shutil
from pathlib import Path

import pytest

from curation.release.publish.local import local_release
from curation.workspace import Workspace
from schemas.errors import ConfigError, ReleaseRefused

pytestmark = pytest.mark.slow


@pytest.fixture
def place(two_releases: Workspace, tmp_path: Path) -> Workspace:
    shutil.copytree(two_releases.root / "releases", tmp_path / "releases")
    for path in tmp_path.rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o644)
    return Workspace(tmp_path)


def test_the_files_are_all_of_the_folder(place: Workspace) -> None:
    found = local_release(place, "0.1.0")
    there = {path.relative_to(found.folder).as_posix() for path in found.folder.rglob("*") if path.is_file()}
    assert found.files.keys() == there and found.bytes == sum((found.folder / path).stat().st_size for path in there)


def test_a_damaged_release_is_refused(place: Workspace) -> None:
    folder = place.root / "releases" / "0.1.0"
    (folder / "README.md").write_text("changed")
    (folder / "stray.txt").write_text("x")
    with pytest.raises(ReleaseRefused, match=r"nothing was sent: .*stray.txt.*README.md: damaged"):
        local_release(place, "0.1.0")


def test_a_link_out_of_the_folder_is_refused(place: Workspace, tmp_path: Path) -> None:
    folder = place.root / "releases" / "0.1.0"
    (tmp_path / "secret").write_bytes((folder / "README.md").read_bytes())
    (folder / "README.md").unlink()
    (folder / "README.md").symlink_to(tmp_path / "secret")
    with pytest.raises(ReleaseRefused, match=r"README.md: a link"):
        local_release(place, "0.1.0")


def test_a_renamed_folder_and_a_missing_version_are_told(place: Workspace) -> None:
    (place.root / "releases" / "0.1.0").rename(place.root / "releases" / "0.3.0")
    with pytest.raises(ReleaseRefused, match=r"says that it is 0.1.0: the folder was renamed"):
        local_release(place, "0.3.0")
    with pytest.raises(ConfigError, match=r"has no release 0.1.0; there are 0.2.0, 0.3.0"):
        local_release(place, "0.1.0")


def test_names_that_the_hub_does_not_take_are_told(place: Workspace) -> None:
    folder = place.root / "releases" / "0.1.0"
    manifest = json.loads((folder / "manifest.json").read_text())
    (folder / ".gitignore").write_text("*")
    digest = hashlib.sha256(b"*").hexdigest()
    manifest["files"].append({"path": ".gitignore", "sha256": digest, "bytes": 1, "rows": None})
    (folder / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(ConfigError, match=r".gitignore: a release with a file of this name cannot be published"):
        local_release(place, "0.1.0")
