"""Versions of releases: which texts are versions, their order, and which one may come next."""

from pathlib import Path

import pytest

from curation.release.versions import find_release, parse, raise_if_in_a_release, raise_if_lower, released
from curation.workspace import Workspace
from schemas.errors import ConfigError


def made(root: Path, *versions: str) -> Path:
    folder = root / "releases"
    for version in versions:
        (folder / version).mkdir(parents=True)
        (folder / version / "manifest.json").write_text("{}")
    return folder


@pytest.mark.parametrize(
    "text", ["", "1", "1.0", "v1.0.0", "01.0.0", "1.0.0-", "../1.0.0", "1.0.0/..", "1.0.0\n", "latest"]
)
def test_other_texts_are_no_versions(text: str) -> None:
    with pytest.raises(ConfigError, match=r"give MAJOR.MINOR.PATCH"):
        parse(text)


def test_build_metadata_is_refused_since_it_has_no_order() -> None:
    with pytest.raises(ConfigError, match=r"leave out \+x"):
        parse("1.0.0+x")


def test_releases_are_ordered_as_versions_and_not_as_names(tmp_path: Path) -> None:
    folder = made(tmp_path, "0.10.0", "0.2.0", "1.0.0-rc.1", "0.9.9", "1.0.0")
    (folder / ".2.0.0.new").mkdir()
    (folder / "3.0.0").mkdir()  # without a manifest: not put in place by us
    (folder / "notes").mkdir()
    assert list(map(str, released(folder))) == ["0.2.0", "0.9.9", "0.10.0", "1.0.0-rc.1", "1.0.0"]


def test_a_version_below_the_latest_is_refused_with_the_next_one(tmp_path: Path) -> None:
    folder = made(tmp_path, "0.2.0", "0.10.0")
    raise_if_lower(parse("0.10.1"), folder)
    for lower in ("0.3.0", "0.10.0-rc.1"):
        with pytest.raises(ConfigError, match=r"lower than the latest release 0\.10\.0: .* 0\.10\.1"):
            raise_if_lower(parse(lower), folder)


def test_nothing_is_written_into_releases(tmp_path: Path) -> None:
    release = tmp_path / "releases" / "0.1.0"
    for out in (release, release / "page", release.parent / "0.2.0" / "page", tmp_path / "a" / ".." / "releases"):
        with pytest.raises(ConfigError, match="a release never changes"):
            raise_if_in_a_release(out, release)
    raise_if_in_a_release(tmp_path / "page", release)
    with pytest.raises(ConfigError, match="a release never changes"):
        raise_if_in_a_release(tmp_path / "downloaded" / "page", tmp_path / "downloaded")


def test_a_release_is_found_by_its_version(tmp_path: Path) -> None:
    place = Workspace(tmp_path)
    with pytest.raises(ConfigError, match="there is none yet"):
        find_release(place, "0.1.0")
    made(tmp_path, "0.1.0")
    assert find_release(place, "0.1.0") == tmp_path / "releases" / "0.1.0"
    with pytest.raises(ConfigError, match=r"no release 0\.2\.0; there are 0\.1\.0"):
        find_release(place, "0.2.0")
