"""A workspace belongs to one dataset: a configuration of another name is refused, and shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from curation.dataset.adopt import differences
from curation.dataset.export import begin
from curation.pipeline.run import open_run
from curation.workspace import Workspace
from schemas.configuration.config import CurateConfig
from schemas.configuration.loading import load_config
from schemas.errors import ConfigError
from schemas.repository import ROOT
from tests.curation.finished import finished
from tests.curation.samples import make_sample


def configured(*overrides: str) -> CurateConfig:
    return load_config(ROOT / "configs" / "demo.yaml", overrides)


@pytest.mark.slow
def test_another_dataset_is_refused_with_the_difference_and_adopted_on_request(tmp_path: Path) -> None:
    with finished(tmp_path / "w", [make_sample()]) as (place, _):
        saved = place.saved_config()
    secret = "sources=[{at: 'https://h.example/v?token=s3cret'}]"
    other = configured("name=other", "extract.max_tokens=65", secret)
    with open_run(place.root, other) as run, pytest.raises(ConfigError) as refused:
        begin(run)
    message = str(refused.value)
    assert "belongs to the dataset 'demo'" in message and "--adopt" in message
    assert 'name: "demo" -> "other"' in message and "extract.max_tokens: 64 -> 65" in message
    assert "s3cret" not in message
    assert place.saved_config() == saved
    with open_run(place.root, configured("extract.max_tokens=65", "frames.max_frames=9", secret)) as run:
        begin(run)  # the same dataset under other settings is the normal case
    assert place.config().extract.max_tokens == 65
    with open_run(place.root, other) as run:
        begin(run, adopt=True)
    assert place.config().name == "other"


def test_a_workspace_without_results_or_without_a_configuration_belongs_to_nobody(tmp_path: Path) -> None:
    root = tmp_path / "w"
    for name in ("first", "second"):
        with open_run(root, configured(f"name={name}")) as run:
            begin(run)
    (root / "config.json").write_text("[" * 100_000)
    assert Workspace(root).saved_config() == {}
    with open_run(root, configured("name=third")) as run:
        begin(run)
        assert Workspace(root).config().name == "third"


def test_differences_are_lines() -> None:
    before = {"a": {"b": 1, "c": [1]}, "sources": 1, "gone": "x"}
    assert list(differences(before, {"a": {"b": 2, "c": [1], "sources": 3}, "sources": 2})) == [
        "  a.b: 1 -> 2",
        "  a.sources: null -> 3",
        '  gone: "x" -> null',
    ]
