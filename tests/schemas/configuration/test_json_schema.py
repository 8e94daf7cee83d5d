"""The JSON Schema accepts what a configuration may hold, and marks what it may not."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest
import yaml

from schemas.configuration.config import CurateConfig
from schemas.configuration.json_schema import json_schema
from schemas.configuration.train_config import TrainConfig
from schemas.repository import ROOT

CURATE = jsonschema.Draft202012Validator(json_schema(CurateConfig))


def of(path: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((ROOT / "configs" / path).read_text())
    return found


def test_the_committed_configurations_fit_it() -> None:
    train = jsonschema.Draft202012Validator(json_schema(TrainConfig))
    for validator, pattern in ((CURATE, "*.yaml"), (train, "train/*.yaml")):
        validator.check_schema(validator.schema)
        for path in (ROOT / "configs").glob(pattern):
            assert list(validator.iter_errors(of(str(path.relative_to(ROOT / "configs"))))) == [], path


@pytest.mark.parametrize(
    "wrong",
    [{"frames": {"fsp": 2}}, {"frames": {"fps": 0}}, {"models": {}}, {"review": {"rule": "most"}}, {"name": "a b"}],
)
def test_what_is_refused_is_marked(wrong: dict[str, Any]) -> None:
    assert list(CURATE.iter_errors({**of("instruct_v2xum.yaml"), **wrong}))


def test_it_says_what_a_key_means_in_which_unit() -> None:
    schema = json_schema(CurateConfig)
    sections = schema["$defs"]
    pace = sections["DownloadConfig"]["properties"]["pace"]
    assert pace["description"] == "minimum time between two downloads from one host [seconds]"
    assert sections["RefineConfig"]["properties"]["window_seconds"]["description"].endswith("[seconds]")
    silent = [
        f"{name}.{key}"
        for name, section in sections.items()
        for key, value in section["properties"].items()
        if "description" not in value and "$ref" not in value
    ]
    assert silent == []
    assert str(ROOT) not in json.dumps([schema, json_schema(TrainConfig)])
