"""Every key of a configuration is found, and says what it is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from pydantic import BaseModel

from schemas.configuration.config import CurateConfig
from schemas.configuration.keys import Key, keys_of
from schemas.configuration.train_config import TrainConfig
from schemas.repository import ROOT

CURATE, TRAIN = list(keys_of(CurateConfig)), list(keys_of(TrainConfig))


def _named(name: str, keys: list[Key] = CURATE) -> list[Key]:
    return [key for key in keys if key.name == name]


@pytest.mark.parametrize("keys", [CURATE, TRAIN], ids=["curate", "train"])
def test_every_key_has_a_description_and_every_number_a_unit(keys: list[Key]) -> None:
    assert [key.name for key in keys if len(key.description) < 10] == []
    plain = {"seed", "metrics_port"}  # a number that stands for nothing, and a port
    numbers = [key for key in keys if "number" in key.type and "list" not in key.type]
    assert [key.name for key in numbers if not key.unit and key.name.rpartition(".")[2] not in plain] == []
    assert [key.name for key in keys if str(ROOT) in f"{key.description}{key.default_text}"] == []


def _leaves(value: Any, inside: str = "") -> Iterator[str]:
    for name, inner in value.items():
        if isinstance(inner, dict):
            yield from _leaves(inner, f"{inside}{name}.")
        elif isinstance(inner, list) and inner and isinstance(inner[0], dict):
            yield from _leaves(inner[0], f"{inside}{name}[].")
        else:
            yield f"{inside}{name}"


def test_no_key_is_missed() -> None:
    """A loaded configuration has no key that the list lacks, whichever models it uses."""
    for model, keys, pattern in ((CurateConfig, CURATE, "*.yaml"), (TrainConfig, TRAIN, "train/*.yaml")):
        known = {key.name for key in keys}
        for path in sorted((ROOT / "configs").glob(pattern)):
            whole: BaseModel = model.model_validate(yaml.safe_load(path.read_text()))
            assert set(_leaves(whole.model_dump(mode="json"))) - known == set(), path


def test_a_key_says_what_may_stand_there() -> None:
    (duration,) = _named("filters.duration.min")
    assert (duration.default, duration.unit, duration.type) == (40.0, "seconds", "number or null")
    (similarity,) = _named("refine.similarity")
    assert (similarity.unit, similarity.limits) == ("cosine, 0 to 1", "at least 0, at most 1")
    assert [key.variant for key in _named("models.captioner.model")] == ["engine: local", "engine: openai"]
    (rule,) = _named("review.rule")
    assert (rule.type, rule.default_text) == ("majority or any", '"majority"')
    (name,) = _named("name")
    assert name.required and name.default_text == ""
    (folder,) = _named("summarizer.folder", TRAIN)
    assert folder.default_text == '"data/runs/hidden_states"'
