"""The versions of a workspace's releases: semantic versions, each used once, in ascending order."""

from __future__ import annotations

from pathlib import Path

from semver import Version

from curation.workspace import Workspace
from schemas.errors import ConfigError

FOLDER, MANIFEST = "releases", "manifest.json"


def parse(text: str) -> Version:
    """A semantic version such as `0.1.0` or `1.0.0-rc.1`. Raises ConfigError for any other text.

    Build metadata (`1.0.0+x`) is refused: it has no part in the order, so that two releases could have one version.
    """
    try:
        version = Version.parse(text)
    except ValueError as error:
        raise ConfigError(
            f"{text!r} is not a version: give MAJOR.MINOR.PATCH (0.1.0), with -NAME for a trial (1.0.0-rc.1)"
        ) from error
    if version.build is not None:
        raise ConfigError(f"{text!r}: a release has no build metadata; leave out +{version.build}")
    return version


def releases_folder(place: Workspace) -> Path:
    """The folder of a workspace's releases, which may not exist yet."""
    return place.root / FOLDER


def released(folder: Path) -> list[Version]:
    """The versions below the folder `folder` of releases, the lowest first; folders without a manifest are none."""
    paths = list(folder.iterdir()) if folder.is_dir() else []
    named = [path.name for path in paths if (path / MANIFEST).is_file() and Version.is_valid(path.name)]
    return sorted(map(Version.parse, named))


def find_release(place: Workspace, text: str) -> Path:
    """The folder of a release of a workspace. Raises ConfigError when there is none, with those that there are."""
    version, folder = parse(text), releases_folder(place)
    there = released(folder)
    if version not in there:
        known = f"there are {', '.join(map(str, there))}" if there else "there is none yet"
        raise ConfigError(f"{folder} has no release {version}; {known}. `v2xum release` makes one")
    return folder / str(version)


def raise_if_in_a_release(out: Path, release: Path) -> None:
    """Raise ConfigError when `out` lies in the folder of the release or of its siblings."""
    there, folder = out.resolve(), release.resolve()
    releases = folder.parent if folder.parent.name == FOLDER else folder
    if there.is_relative_to(releases):
        raise ConfigError(f"{out} is in {releases}, and a release never changes: choose another folder")


def raise_if_lower(version: Version, folder: Path) -> None:
    """Raise ConfigError when a release of a higher version exists: a version says what came before it."""
    there = released(folder)
    if there and version < there[-1]:
        raise ConfigError(
            f"{version} is lower than the latest release {there[-1]}: take a higher version, "
            f"such as {there[-1].next_version('patch')}"
        )
