"""What starts from outside: the flows that configs/schedules/prefect.yaml names, and the commands of `v2xum`.

A placeholder flow would hide an import that fails, so flows are loaded without one.
"""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest
import yaml
from typer.core import TyperGroup
from typer.testing import CliRunner

from flows.cli.commands import COMMANDS, load_command
from flows.cli.main import application
from schemas.repository import ROOT

LOAD = """
import inspect, json, sys
from prefect.flows import load_flow_from_entrypoint
from flows.local.deploying.forms import form_of
flows = {}
for entrypoint in sys.argv[1:]:
    flow = load_flow_from_entrypoint(entrypoint, use_placeholder_flow=False)
    parameters = inspect.signature(flow.fn).parameters.values()
    required = [each.name for each in parameters if each.default is each.empty]
    known = [each.name for each in parameters]
    flows[entrypoint] = {"known": known, "required": required, "form": form_of(flow)}
print(json.dumps(flows))
"""


@pytest.mark.slow
def test_every_entrypoint_of_prefect_yaml_loads_takes_its_parameters_and_has_a_form() -> None:
    deployments = yaml.safe_load((ROOT / "configs" / "schedules" / "prefect.yaml").read_text())["deployments"]
    entrypoints = [deployment["entrypoint"] for deployment in deployments]
    assert not [entrypoint for entrypoint in entrypoints if ":" in entrypoint], "files hide packages: name modules"
    done = subprocess.run(
        [sys.executable, "-c", LOAD, *entrypoints], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    flows: dict[str, Any] = json.loads(done.stdout)
    for deployment in deployments:
        flow, given = flows[deployment["entrypoint"]], set(deployment["parameters"])
        assert given <= set(flow["known"]), deployment["entrypoint"]
        # What nobody starts by a form must have every value.
        assert set(flow["required"]) <= given or "schedules" not in deployment, deployment["entrypoint"]
        fields: dict[str, Any] = flow["form"]["properties"]
        assert set(flow["known"]) - set(fields) <= {"changes"}  # a mapping: people would have to write JSON
        assert flow["form"]["title"] == "Parameters" and "$defs" not in flow["form"]
        inside = [each["properties"] for each in flow["form"].get("definitions", {}).values()]
        for name, field in [item for group in (fields, *inside) for item in group.items()]:
            assert field.get("description", "").endswith("."), f"{deployment['entrypoint']}: {name} says nothing"
            # One kind of value, which may stay empty: Prefect's page shows a union as a choice of types.
            assert "anyOf" not in field and ("type" in field or "$ref" in field), (deployment["entrypoint"], name)
            assert field.get("default", 0) is not None, (deployment["entrypoint"], name)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_in_the_reference_and_has_help(name: str) -> None:
    reference = (ROOT / "docs" / "reference" / "commands.md").read_text()
    command = load_command(name)
    names = command.commands if isinstance(command, TyperGroup) else ()
    calls = [[name, *([] if inner == "run" else [inner])] for inner in names] or [[name]]
    for words in calls:
        assert f"## v2xum {' '.join(words)}\n" in reference
        assert CliRunner().invoke(application(), [*words, "--help"]).exit_code == 0
