"""prefect.yaml against a real server: it deploys, and what a schedule would start runs and exports."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from evaluation.request import EvaluateRequest
from schemas.loading import load_config
from tests.evaluation.written import right, scripts, write_predictions, write_references
from tests.runs import CONFIG, ROOT

pytestmark = [pytest.mark.prefect, pytest.mark.slow]


def prefect(server: str, *arguments: str) -> str:
    """Call Prefect's command line in the repository's folder; its output."""
    environment = {**os.environ, "PREFECT_API_URL": server, "PYTHONWARNINGS": "", "PREFECT_LOGGING_LEVEL": "ERROR"}
    command = [sys.executable, "-m", "prefect", "--no-prompt", *arguments]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout


def test_the_deployments_deploy_and_run(server: str, films: Path, tmp_path: Path) -> None:
    prefect(server, "work-pool", "create", "v2xum", "--type", "process", "--overwrite")
    prefect(server, "deploy", "--all")
    with httpx.Client(base_url=server, timeout=30) as client:
        found = client.get("/deployments/name/curate-file/nightly").raise_for_status().json()
        assert found["entrypoint"] == "flows/scheduled.py:curate_file"
        assert found["work_pool_name"] == "v2xum"
        assert [schedule["schedule"]["cron"] for schedule in found["schedules"]] == ["0 2 * * *"]
        assert found["global_concurrency_limit"]["limit"] == 1
        load_config(ROOT / found["parameters"]["config"])
        for name in ("review-push/nightly", "review-pull/hourly", "review-report/nightly", "benchmark/benchmark"):
            client.get(f"/deployments/name/{name}").raise_for_status()
        workspace = tmp_path / "workspace"
        overrides = [f"sources=[{{at: {films / 'film 0.mp4'}}}]"]
        parameters = {"config": str(CONFIG), "workspace": str(workspace), "overrides": overrides}
        made = client.post(f"/deployments/{found['id']}/create_flow_run", json={"parameters": parameters})
        run = made.raise_for_status().json()["id"]
        prefect(server, "flow-run", "execute", run)
        assert client.get(f"/flow_runs/{run}").raise_for_status().json()["state"]["type"] == "COMPLETED"
    assert (workspace / "export").is_dir()


def test_the_benchmark_is_deployed_and_runs(server: str, tmp_path: Path) -> None:
    prefect(server, "work-pool", "create", "v2xum", "--type", "process", "--overwrite")
    prefect(server, "deploy", "--name", "benchmark")
    references = write_references(tmp_path / "references.json", 3)
    predictions = write_predictions(tmp_path / "p.jsonl", [right(*item) for item in scripts(3).items()])
    with httpx.Client(base_url=server, timeout=30) as client:
        found = client.get("/deployments/name/benchmark/benchmark").raise_for_status().json()
        EvaluateRequest.model_validate(found["parameters"]["request"])
        request = {"predictions": [str(predictions)], "references": [str(references)], "out": str(tmp_path / "out")}
        made = client.post(
            f"/deployments/{found['id']}/create_flow_run", json={"parameters": {"request": {**request, "text": False}}}
        )
        run = made.raise_for_status().json()["id"]
        prefect(server, "flow-run", "execute", run)
        assert client.get(f"/flow_runs/{run}").raise_for_status().json()["state"]["type"] == "COMPLETED"
    assert (tmp_path / "out" / "report.html").is_file()
