"""Flows for deployments with values that cannot be right: they end before any work, and say what is missing.

The functions are called without what emits events, for which Prefect would start a server.
"""

from __future__ import annotations

from inspect import unwrap
from pathlib import Path

import pytest

from curation.workspace import Workspace
from schemas.configuration.loading import load_config
from schemas.errors import ConfigError
from tests.runs import CONFIG, ROOT

pytestmark = pytest.mark.slow  # Prefect takes seconds to import


def test_a_run_needs_sources_and_a_cost_needs_prices(tmp_path: Path) -> None:
    from flows.scheduled import curate_file

    with pytest.raises(ConfigError, match="no `sources:`"):
        unwrap(curate_file.fn)(str(CONFIG), str(tmp_path / "workspace"))
    with pytest.raises(ConfigError, match="--max-cost needs prices"):
        unwrap(curate_file.fn)(str(CONFIG), str(tmp_path / "workspace"), (f"sources=[{{at: {tmp_path}}}]",), max_cost=1)
    assert not (tmp_path / "workspace").exists()


def test_a_training_needs_a_release(tmp_path: Path) -> None:
    from flows.scheduled import train

    place = Workspace(tmp_path / "workspace")
    place.ledger().close()
    place.save_config(load_config(CONFIG))
    config = ROOT / "configs" / "train" / "vtsum_demo.yaml"
    with pytest.raises(ConfigError, match=r"has no release 0\.1\.0; there is none yet"):
        unwrap(train.fn)(str(config), str(place.root), "0.1.0", str(tmp_path / "out"))
