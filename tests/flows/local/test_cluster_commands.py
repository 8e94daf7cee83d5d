"""What `v2xum cluster` prints: a shell and Kubernetes understand it, and no secret is in it."""

from __future__ import annotations

import shlex
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from flows.local.cluster_commands import Kind, cluster_commands
from schemas.configuration.loading import load_config
from schemas.errors import ConfigError
from schemas.repository import ROOT

STORE = "store.address=s3://films/mine"
CONFIG = ROOT / "configs" / "instruct_v2xum.yaml"


def text(on: Kind, *settings: str, path: Path = CONFIG) -> str:
    return cluster_commands(load_config(CONFIG, (STORE, *settings)), path, on, (STORE, *settings))


@pytest.mark.parametrize("on", ["ssh", "slurm"])
def test_a_shell_understands_it_and_the_driver_gets_every_setting(on: Kind, tmp_path: Path) -> None:
    """Also with a path and a value that a shell would take apart."""
    strange = tmp_path / "my config; touch x.yaml"
    found = text(on, "export.title=A 'film' $(touch x)", path=strange)
    (tmp_path / "script").write_text(found)
    subprocess.run(["bash", "-n", tmp_path / "script"], check=True)
    (line,) = [line for line in found.splitlines() if line.strip().startswith("v2xum curate")]
    words = shlex.split(line.strip().removesuffix("&"))
    assert words[:4] == ["v2xum", "curate", str(strange), "--set"]
    assert STORE in words and "export.title=A 'film' $(touch x)" in words and "run.engine=ray" in words
    assert words[-1].startswith("run.ray_address=") and words[-1].endswith(":6379")


def test_every_node_starts_its_own_servers() -> None:
    for on in ("ssh", "slurm"):
        found = text(on)  # type: ignore[arg-type]
        assert f"v2xum serve captioner {CONFIG} --run" in found and f"v2xum serve summarizer {CONFIG} --run" in found
    further = "{engine: openai, model: m, base_urls: ['http://127.0.0.1:8200/v1']}"
    found = text("ssh", "extract.annotators=2", f"models.annotators=[{further}]")
    assert f"v2xum serve annotators.0 {CONFIG} --run" in found
    twice = text("ssh", "extract.annotators=3", f"models.annotators=[{further}, {further}]")
    assert twice.count("v2xum serve annotators") == 1, "one server answers for both"
    local = cluster_commands(load_config(ROOT / "configs" / "demo.yaml", (STORE,)), Path("demo.yaml"), "ssh")
    assert "v2xum serve" not in local


@pytest.mark.parametrize("on", ["ssh", "slurm", "kuberay"])
def test_ray_demands_a_token_and_shows_no_dashboard(on: Kind) -> None:
    found = text(on)
    assert "RAY_AUTH_MODE" in found and "RAY_AUTH_TOKEN" in found
    assert ("include-dashboard=false" in found) != (on == "kuberay")


def test_kuberay_gets_a_job_whose_secrets_are_references() -> None:
    job: Any = yaml.safe_load(text("kuberay"))
    assert (job["apiVersion"], job["kind"]) == ("ray.io/v1", "RayJob")
    assert len(job["metadata"]["name"]) <= 47
    spec = job["spec"]["rayClusterSpec"]
    for group in (spec["headGroupSpec"], *spec["workerGroupSpecs"]):
        (container,) = group["template"]["spec"]["containers"]
        given = {each["name"]: each for each in container["env"]}
        assert all("valueFrom" in given[name] for name in ("RAY_AUTH_TOKEN", "V2XUM_LEDGER", "AWS_SECRET_ACCESS_KEY"))
    words = shlex.split(job["spec"]["entrypoint"].replace("$(hostname -i)", "HEAD"))
    assert words[:3] == ["v2xum", "curate", str(CONFIG)] and words[-1] == "run.ray_address=HEAD:6379"


def test_without_a_shared_store_it_says_what_to_set() -> None:
    with pytest.raises(ConfigError, match=r"store\.address=s3://"):
        cluster_commands(load_config(CONFIG, ()), CONFIG, "ssh")


def test_ray_knows_the_options() -> None:
    """The options that are printed are those of the installed Ray."""
    pytest.importorskip("ray")
    ray = shutil.which("ray") or str(ROOT / ".venv" / "bin" / "ray")
    known = subprocess.run([ray, "start", "--help"], capture_output=True, text=True, check=True, timeout=120).stdout
    for line in text("ssh").splitlines():
        if line.startswith("ray start"):
            assert [
                word for word in line.split() if word.startswith("--") and word.partition("=")[0] not in known
            ] == []
