"""Deployments load flows by module path; a placeholder flow would hide an import that fails."""

from __future__ import annotations

import subprocess
import sys

import pytest
from typer.testing import CliRunner

from schemas.repository import ROOT


@pytest.mark.parametrize(
    ("entrypoint", "name"),
    [
        ("flows.curate.curate", "curate"),
        ("flows.curate.curate_shards", "curate-shards"),
        ("flows.benchmark.benchmark", "benchmark"),
        ("flows.review.review_push", "review-push"),
        ("flows.review.review_pull", "review-pull"),
        ("flows.review.review_report", "review-report"),
    ],
)
def test_flows_load_for_real(entrypoint: str, name: str) -> None:
    code = (
        "from prefect.flows import load_flow_from_entrypoint\n"
        f"print(load_flow_from_entrypoint({entrypoint!r}, use_placeholder_flow=False).name)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.stdout.strip() == name, done.stderr


def test_every_command_of_the_cli_is_in_the_readme_and_has_help() -> None:
    from flows.cli.main import application

    app = application()
    readme = (ROOT / "README.md").read_text()
    runner = CliRunner()
    for command in app.registered_commands:
        name = command.name or command.callback.__name__  # type: ignore[union-attr]
        assert f"v2xum {name}" in readme
        assert runner.invoke(application(), [name, "--help"]).exit_code == 0
    for group in app.registered_groups:
        for command in group.typer_instance.registered_commands:
            name = command.name or command.callback.__name__  # type: ignore[union-attr]
            words = [str(group.name), *([] if name == "run" else [name])]
            assert f"v2xum {' '.join(words)}" in readme
            assert runner.invoke(application(), [*words, "--help"]).exit_code == 0
