"""The file of deployments: what is wrong in one is named by deployment and key, and the program's own one is right."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from flows.local.deploying.file import DEFAULT, read_file
from schemas.errors import ConfigError

GOOD: dict[str, Any] = {
    "name": "films",
    "work_pools": [{"name": "v2xum"}],
    "deployments": [
        {
            "name": "nightly",
            "description": "Curates.",
            "entrypoint": "flows.scheduled.curate_file",
            "parameters": {"config": "c.yaml", "workspace": "w"},
            "work_pool": {"name": "v2xum"},
        }
    ],
}


def written(folder: Path, document: Any) -> Path:
    path = folder / "prefect.yaml"
    path.write_text(yaml.safe_dump(document))
    return path


def changed(**fields: Any) -> dict[str, Any]:
    return {**GOOD, "deployments": [{**GOOD["deployments"][0], **fields}]}


def test_the_programs_own_file_is_read() -> None:
    file = read_file(DEFAULT)
    assert {each.work_pool.name for each in file.deployments} == {"v2xum"}
    assert file.limits == {"download": 4, "gpu": 2}


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ([], "must be a mapping"),
        ({"name": "films"}, "deployments: Field required"),
        (changed(entrypoint="flows/scheduled.py:curate_file"), "deployments.nightly.entrypoint: "),
        (changed(schedule="0 2 * * *"), "deployments.nightly.schedule: Extra inputs"),
        (changed(concurrency_limit={"limit": 0}), "deployments.nightly.concurrency_limit.limit: "),
        (
            changed(concurrency_limit={"limit": 1, "shared": "folder"}),
            "nightly: no parameter folder",
        ),
        (changed(work_pool={"name": "gpus"}), "deployment nightly: `work_pools` has no gpus"),
        ({**GOOD, "deployments": GOOD["deployments"] * 2}, "flows.scheduled.curate_file nightly is there twice"),
        (
            changed(schedules=[{"cron": "0 1 * * *", "slug": "schedule-2"}, {"cron": "0 2 * * *"}]),
            "deployments.nightly: Value error, two schedules have the slug schedule-2",
        ),
        ({**GOOD, "limits": {"gpu": 0}}, "limits.gpu: "),
        ({**GOOD, "automations": [{"name": "a", "description": "b", "event": "e"}]}, "automations.a: "),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, document: Any, words: str) -> None:
    path = written(tmp_path, document)
    with pytest.raises(ConfigError) as error:
        read_file(path)
    assert str(error.value).startswith(str(path)) and words in str(error.value)


def test_a_file_that_is_not_there_or_no_yaml(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such file; without FILE"):
        read_file(tmp_path / "none.yaml")
    (tmp_path / "prefect.yaml").write_text("name: [")
    with pytest.raises(ConfigError, match="not YAML"):
        read_file(tmp_path / "prefect.yaml")
