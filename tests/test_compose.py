"""compose.yaml keeps the rules of a stack: no default password, no open port, health checks, and real commands."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

from benchmarks.serving.vllm_server import CONFIG, ENVIRONMENT
from benchmarks.stack.stack import ROLES
from flows.cli.commands import load_command
from flows.local.model_server_command import serve_command
from schemas.configuration.loading import load_config
from schemas.configuration.model_config import OpenAIModel
from schemas.meanings.exits import VARIABLES
from schemas.repository import ROOT
from tests.s3 import S3, client

TEXT = (ROOT / "compose.yaml").read_text(encoding="utf-8")
DOCUMENT: dict[str, Any] = yaml.safe_load(TEXT)
SERVICES: dict[str, dict[str, Any]] = DOCUMENT["services"]
SECRET = re.compile(r"PASSWORD|TOKEN|SECRET|ACCESS_KEY|API_KEY|AUTH_STRING")
REQUIRED = re.compile(r"\$\{(\w+):\?[^}]+\}")
ONE_SHOT = {name for name, service in SERVICES.items() if service["restart"] == "no"}
named = pytest.mark.parametrize("name", SERVICES)


def environment(name: str) -> dict[str, str]:
    given: dict[str, str] = SERVICES[name].get("environment", {})
    return given


@named
def test_secrets_come_from_outside_and_are_demanded(name: str) -> None:
    for variable, value in environment(name).items():
        if SECRET.search(variable) and variable not in ("LABEL_STUDIO_ENABLE_LEGACY_API_TOKEN", "SENTRY_DSN"):
            assert REQUIRED.fullmatch(value), variable
        if re.search(r"://.*@", value):  # an address with a password
            assert re.search(r"://\w+:\$\{POSTGRES_PASSWORD:\?[^}]+\}@", value), variable


def test_every_variable_is_demanded_and_described_and_none_has_a_value() -> None:
    used = set(REQUIRED.findall(TEXT))
    assert {found.split(":")[0] for found in re.findall(r"\$\{([^}]+)\}", TEXT)} == used
    lines = (ROOT / ".env.example").read_text(encoding="utf-8").splitlines()
    described = {line.removesuffix("=") for line in lines if line and not line.startswith("#")}
    assert described == used  # `NAME=` and nothing behind it
    assert ".env" in (ROOT / ".gitignore").read_text().splitlines()


@named
def test_ports_are_open_on_this_machine_only(name: str) -> None:
    assert all(re.fullmatch(r"127\.0\.0\.1:\d+:\d+", port) for port in SERVICES[name].get("ports", []))
    assert SERVICES[name].keys().isdisjoint({"network_mode", "privileged", "cap_add", "pid", "ipc", "devices"})


@named
def test_a_service_is_pinned_checked_and_waits_for_what_it_needs(name: str) -> None:
    service = SERVICES[name]
    assert re.search(r":v?\d[\w.-]*$", service["image"]), "no version"
    for other, wait in service.get("depends_on", {}).items():
        wanted = "service_completed_successfully" if other in ONE_SHOT else "service_healthy"
        assert wait == {"condition": wanted}
    if name not in ONE_SHOT:
        assert service["restart"] == "unless-stopped"
        assert {"test", "interval", "timeout", "start_period", "retries"} == set(service["healthcheck"])


@named
def test_what_a_service_writes_is_in_a_volume(name: str) -> None:
    for mount in SERVICES[name].get("volumes", []):
        source = mount.split(":")[0]
        assert mount.endswith(":ro") if source.startswith(".") else source in DOCUMENT["volumes"], mount


def test_our_commands_are_understood() -> None:
    ours = [name for name, each in SERVICES.items() if "curator" in each["image"] and "entrypoint" not in each]
    assert "deploy" in ours
    for name in ours:
        command, *words = SERVICES[name]["command"]
        load_command(command).make_context(command, words)


@pytest.mark.parametrize("role", ROLES)
def test_vllm_is_started_as_the_recipe_says(role: Any) -> None:
    recipe = serve_command(load_config(CONFIG, [f"models.{role}.base_urls=[http://{role}:8000/v1]"]), role)
    options = [part for option in recipe.options for part in option]
    options[options.index("--host") + 1] = "0.0.0.0"
    assert SERVICES[role]["command"] == ["--model", f"/checkpoints/{Path(recipe.program[-1]).name}", *options]
    assert (ROOT / "data" / "demo" / role).is_dir()
    image = (ROOT / "Containerfile.vllm").read_text()
    assert all(f"{variable}={value}" in image for variable, value in ENVIRONMENT.items())


def test_variables_of_ours_are_known() -> None:
    known = {variable.name for variable in VARIABLES}
    given = {variable for name in SERVICES for variable in environment(name) if variable.startswith("V2XUM_")}
    assert given <= known


@named
def test_small_programs_inside_are_python(name: str) -> None:
    words = SERVICES[name].get("healthcheck", {}).get("test", [])
    for program, option, code in zip(words, words[1:], words[2:], strict=False):
        if program.startswith("python") and option == "-c":
            compile(code, name, "exec")


def test_the_bucket_is_made_and_made_once(s3: S3, monkeypatch: pytest.MonkeyPatch) -> None:
    (code,) = SERVICES["bucket"]["command"]
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    monkeypatch.setenv("AWS_REGION", environment("bucket")["AWS_REGION"])
    for _ in range(2):
        exec(compile(code, "bucket", "exec"), {})
    assert [each["Name"] for each in client(s3.url).list_buckets()["Buckets"]].count("films") == 1


def test_the_configuration_in_the_guide_names_its_services(tmp_path: Path) -> None:
    guide = (ROOT / "docs" / "guides" / "operators.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"```yaml\n(name: stack\n.*?)```", guide, re.DOTALL)
    path = tmp_path / "run.yaml"
    path.write_text(block.replace("/opt/v2xum/lib/python3.11/site-packages", str(ROOT)))
    config = load_config(path)
    assert isinstance(config.models.captioner, OpenAIModel) and isinstance(config.models.summarizer, OpenAIModel)
    addresses = [urlsplit(url) for url in (*config.models.captioner.base_urls, *config.models.summarizer.base_urls)]
    for address in addresses:
        assert address.hostname is not None
        command = SERVICES[address.hostname]["command"]
        assert command[command.index("--port") + 1] == str(address.port)
    for model in (config.models.captioner, config.models.summarizer):
        served = {name: service["command"] for name, service in SERVICES.items() if name in ("captioner", "summarizer")}
        assert any(command[command.index("--served-model-name") + 1] == model.model for command in served.values())
    assert config.run.engine == "ray" and str(config.run.ray_address).partition(":")[0] in SERVICES
    assert str(config.store.address).startswith("s3://films/") and 'Bucket="films"' in SERVICES["bucket"]["command"][0]
    deployed = SERVICES["deploy"]["command"]
    assert deployed[deployed.index("--config") + 1] == "/work/run.yaml"
