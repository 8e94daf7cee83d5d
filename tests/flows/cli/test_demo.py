"""A second demo in a workspace that people went on with."""

from pathlib import Path

import pytest

from curation.workspace import Workspace
from flows.cli.demo import released
from schemas.errors import ConfigError


def test_a_release_that_later_ones_were_compared_with_is_not_removed(tmp_path: Path) -> None:
    for version in ("0.1.0", "0.2.0"):
        folder = tmp_path / "workspace" / "releases" / version
        folder.mkdir(parents=True)
        (folder / "manifest.json").write_text("{}")
    with pytest.raises(ConfigError, match=r"has 0\.2\.0 besides the demo.s release: run the demo with"):
        released(Workspace(tmp_path / "workspace"), tmp_path)
    assert (tmp_path / "workspace" / "releases" / "0.1.0" / "manifest.json").is_file()
