"""What a deployment's flow, parameters and automations must be, before anything is changed on a server."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from flows.local.deploying.file import DEFAULT, File, read_file
from schemas.errors import ConfigError
from schemas.repository import ROOT

pytestmark = pytest.mark.slow  # Prefect takes seconds to import


@pytest.fixture(autouse=True)
def _here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


def one(**changes: Any) -> File:
    """The program's file with its first deployment alone, changed."""
    file = read_file(DEFAULT)
    first = file.deployments[0]
    parameters = {**first.parameters, **changes.pop("parameters", {})}
    changed = first.model_copy(update={"parameters": parameters, **changes})
    return file.model_copy(update={"deployments": (changed,), "automations": ()})


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"entrypoint": "flows.scheduled.nothing"}, "there is no such flow"),
        ({"entrypoint": "flows.nowhere.nothing"}, "there is no such flow"),
        ({"parameters": {"lmit": 2}}, "no parameter lmit; it has config, workspace, overrides, limit"),
        ({"parameters": {"limit": 0}}, "'limit'. Failure reason: 0 is less than the minimum of 1"),
        ({"parameters": {"config": "nowhere.yaml"}}, "nowhere.yaml: no such file here; --config names yours"),
        ({"parameters": {"overrides": ["frames.fsp=2"]}}, "frames.fsp"),
        ({"parameters": {"overrides": []}}, "has no `sources:`"),
        ({"parameters": {"overrides": ["sources=[{at: 'https://u:secret@h/v.mp4'}]"]}}, "a password or a signature"),
        ({"entrypoint": "flows.release.release", "parameters": {}}, "no parameter config"),
    ],
)
def test_what_is_wrong_is_refused_with_the_deployments_name(changes: dict[str, Any], words: str) -> None:
    from flows.local.deploying.wanted import wanted_deployments

    with pytest.raises(ConfigError) as error:
        wanted_deployments(one(**changes), ROOT)
    assert words in str(error.value) and "secret" not in str(error.value)


def test_another_configuration_and_workspace_stand_in_every_deployment(tmp_path: Path) -> None:
    from flows.local.deploying.wanted import with_places

    file = with_places(read_file(DEFAULT), "films/run", "films/v2xum.yaml")
    parameters = {each.entrypoint: each.parameters for each in file.deployments}
    assert parameters["flows.scheduled.curate_file"] == {
        "config": "films/v2xum.yaml",
        "workspace": "films/run",
        "overrides": [],  # an empty value, so that the server does not keep the sources of the demo
    }
    assert parameters["flows.scheduled.evaluate"]["references"] == ["films/run/export"]
    assert all(each.get("workspace", "films/run") == "films/run" for each in parameters.values())
    assert "data/runs/nightly" not in str(parameters)


def test_schedules_are_in_the_order_in_which_the_servers_are_compared() -> None:
    from flows.local.deploying.file import Schedule
    from flows.local.deploying.wanted import wanted_deployments

    def slugs(*schedules: Schedule) -> list[str]:
        (wanted,) = wanted_deployments(one(schedules=schedules), ROOT)
        return [each["slug"] for each in wanted.fields["schedules"]]

    assert slugs(Schedule(cron="0 2 * * *", slug="weekdays"), Schedule(cron="0 3 * * *", slug="sunday")) == [
        "sunday",
        "weekdays",
    ]
    assert slugs(*[Schedule(cron=f"0 {hour} * * *") for hour in range(10)])[1] == "schedule-10"


def test_a_parameter_that_the_file_does_not_name_stays_as_somebody_set_it_at_the_server() -> None:
    from flows.local.deploying.steps import with_kept_parameters
    from flows.local.deploying.wanted import wanted_deployments

    (wanted,) = wanted_deployments(one(), ROOT)
    named = wanted.fields["parameters"]
    there = {**named, "workspace": "elsewhere", "max_cost": 12.5, "of_an_earlier_version": 1}
    assert with_kept_parameters(wanted, there).fields["parameters"] == {**named, "max_cost": 12.5}


def test_workspaces_of_two_folders_do_not_share_a_limit(tmp_path: Path) -> None:
    from flows.local.deploying.wanted import wanted_deployments

    config = str(ROOT / "configs" / "demo.yaml")
    limits = []
    for folder, workspace in ((tmp_path / "a", "run"), (tmp_path / "b", "run"), (tmp_path, "b/../b/run")):
        (wanted,) = wanted_deployments(one(parameters={"config": config, "workspace": workspace}), folder)
        limits.append(wanted.limit)
    assert limits[0] != limits[1] == limits[2]


def test_an_automation_needs_an_event_that_flows_emit_and_a_deployment() -> None:
    from flows.local.deploying.automations import check_automations
    from flows.local.deploying.wanted import wanted_deployments
    from flows.shared.events import EVENTS

    file = read_file(DEFAULT)
    wanted = wanted_deployments(file, ROOT)
    check_automations(file, wanted)
    assert {each.event for each in file.automations} == set(EVENTS)  # each event has one
    first = file.automations[0]
    for changes, words in (
        ({"event": "v2xum.run.over"}, "no flow emits v2xum.run.over; there are v2xum.run.failed"),
        ({"run": "review-report/daily"}, "no deployment review-report/daily; there are curate-file/nightly"),
    ):
        wrong = file.model_copy(update={"automations": (first.model_copy(update=changes),)})
        with pytest.raises(ConfigError) as error:
            check_automations(wrong, wanted)
        assert words in str(error.value)
