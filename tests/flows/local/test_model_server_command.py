"""`v2xum serve` prints what can be pasted and run; `v2xum doctor` finds what is wrong and exits accordingly."""

from __future__ import annotations

import json
import os
import shlex
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from demo.faulty_server.requests import Character
from demo.faulty_server.server import serve
from flows.cli.doctor import check_port
from flows.cli.main import application
from flows.local.model_server_command import serve_command
from schemas.configuration.config import CurateConfig
from schemas.configuration.loading import load_config
from schemas.repository import ROOT


def call(*arguments: object) -> Result:
    return CliRunner().invoke(application(), [*map(str, arguments)])


def written(folder: Path, captioner: dict[str, object], summarizer: dict[str, object] | None = None) -> Path:
    """A configuration file with these models."""
    base: dict[str, object] = {"engine": "openai", "model": "tiny", "base_urls": ["http://127.0.0.1:8123/v1"]}
    local = {"engine": "local", "model": str(ROOT / "data" / "demo" / "summarizer")}
    path = folder / "run config.yaml"
    path.write_text(
        json.dumps({"name": "t", "models": {"captioner": base | captioner, "summarizer": summarizer or local}})
    )
    return path


def options(config: CurateConfig, **more: object) -> dict[str, str]:
    command = serve_command(config, "captioner", **more)  # type: ignore[arg-type]
    return {option[0]: option[1] if len(option) > 1 else "" for option in command.options}


def test_the_printed_command_is_the_one_that_runs(tmp_path: Path) -> None:
    extra = ["--enforce-eager", "--default-chat-template-kwargs", '{"enable_thinking": false}']
    path = written(
        tmp_path,
        {
            "images": "file",
            "media_path": str(tmp_path / "a folder"),
            "revision": "a" * 40,
            "serve": {
                "weights": "Qwen/Qwen3-VL-8B-Instruct",
                "data_parallel": 4,
                "max_model_len": 4096,
                "extra": extra,
            },
        },
    )
    config = load_config(path)
    command = serve_command(config, "captioner")
    done = call("serve", "captioner", path)
    assert done.exit_code == 0
    # A shell reads from the text exactly the arguments that are executed.
    shell = subprocess.run(
        ["sh", "-c", f'vllm() {{ printf "%s\\0" vllm "$@"; }}\n{done.stdout}'],
        capture_output=True,
        text=True,
        check=True,
    )
    assert shell.stdout.split("\0")[:-1] == command.argv
    assert all(line.endswith("\\") for line in done.stdout.splitlines()[:-1])
    found = options(config)
    assert command.argv[:3] == ["vllm", "serve", "Qwen/Qwen3-VL-8B-Instruct"]
    assert found["--served-model-name"] == "tiny" and found["--port"] == "8123" and found["--host"] == "127.0.0.1"
    assert found["--revision"] == "a" * 40 and found["--data-parallel-size"] == "4"
    assert found["--allowed-local-media-path"] == str(tmp_path / "a folder")
    assert json.loads(found["--structured-outputs-config"]) == {"backend": "guidance", "disable_any_whitespace": True}
    assert json.loads(found["--limit-mm-per-prompt"]) == {"image": 1, "video": 0}
    assert found["--default-chat-template-kwargs"] == '{"enable_thinking": false}'
    assert "--tensor-parallel-size" not in found


def test_a_server_for_clips_takes_as_many_pictures_as_a_request_has(tmp_path: Path) -> None:
    server = {"engine": "openai", "model": "s", "base_urls": ["http://127.0.0.1:8124/v1"]}
    clips = ["caption.unit=clip", "caption.clip_frames=6"]
    found = options(load_config(written(tmp_path, server, server), clips))
    assert json.loads(found["--limit-mm-per-prompt"]) == {"image": 7, "video": 0}


def test_a_summarizer_gets_no_options_for_pictures(tmp_path: Path) -> None:
    server = {"engine": "openai", "model": "s", "base_urls": ["http://127.0.0.1:8124/v1"]}
    command = serve_command(load_config(written(tmp_path, {}, server)), "summarizer", port=99)
    assert not {"--limit-mm-per-prompt", "--allowed-local-media-path"} & set(command.argv)
    assert command.argv[command.argv.index("--port") + 1] == "99"


def test_models_that_take_turns_are_served_and_examined_each(tmp_path: Path) -> None:
    server = {"engine": "openai", "base_urls": ["http://127.0.0.1:9/v1"], "retries": 0, "patience": 0}
    further = [{**server, "model": "one"}, {**server, "model": "two", "base_urls": ["http://127.0.0.1:10/v1"]}]
    path = written(tmp_path, server)
    told = json.loads(path.read_text())
    told["models"]["annotators"], told["extract"] = further, {"annotators": 3}
    path.write_text(json.dumps(told))
    for place, name in enumerate(("one", "two")):
        done = call("serve", f"annotators.{place}", path)
        assert done.stdout.startswith(f"vllm serve {name} ") and f"--port {9 + place} " in done.stdout
    checks = json.loads(call("doctor", path, "--workspace", tmp_path / "w", "--json").stdout)["checks"]
    fixes = {one["name"]: one["fix"] for one in checks if one["status"] == "fail"}
    assert {f"models.annotators.{place} at http://127.0.0.1:{9 + place}/v1: reachable" for place in (0, 1)} <= {*fixes}
    assert any(f"v2xum serve annotators.1 {shlex.quote(str(path))} --port 10" in fix for fix in fixes.values())


def test_a_key_never_stands_on_a_command_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("V2XUM_API_KEY", "the secret")
    done = call("serve", "captioner", written(tmp_path, {}))
    assert "the secret" not in done.output
    assert done.stdout.startswith('VLLM_API_KEY="$V2XUM_API_KEY" vllm serve tiny \\\n')


def test_what_cannot_be_served_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(tmp_path, {})
    for arguments, words in (
        (("summarizer", path), "runs inside `v2xum curate`"),
        (("judge", path), "not configured"),
        (("annotators.0", path), "models.annotators.0 is not configured"),
        (("embedder", path), "there is no such model; give captioner, summarizer"),
        (("captioner", written(tmp_path, {"base_urls": ["http://127.0.0.1/v1"]})), "give --port"),
    ):
        done = call("serve", *arguments)
        assert done.exit_code == 2 and words in done.stderr
    monkeypatch.setenv("PATH", str(tmp_path))
    done = call("serve", "captioner", written(tmp_path, {}), "--run")
    assert done.exit_code == 2 and "not installed" in done.stderr


def test_servers_elsewhere_and_replicas_are_noted(tmp_path: Path) -> None:
    urls = ["http://10.1.2.3:8000/v1", "http://10.1.2.4:8000/v1"]
    done = call("serve", "captioner", written(tmp_path, {"base_urls": urls}))
    assert "start it there" in done.stderr and "2 servers are configured" in done.stderr
    assert done.stdout.startswith("vllm serve")


@pytest.mark.slow
def test_a_dry_run_starts_the_server_and_the_doctor_likes_it(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    path = written(tmp_path, {"base_urls": [f"http://127.0.0.1:{port}/v1"], "model": "tiny"})
    command = [
        sys.executable,
        "-m",
        "flows.cli",
        "serve",
        "captioner",
        str(path),
        "--engine",
        "faults",
        "--run",
    ]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None and "listening on" in process.stdout.readline()
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/v1/models", timeout=30) as answer:
                assert json.load(answer)["data"][0]["id"] == "tiny"
            done = call("doctor", path, "--workspace", tmp_path / "w", "--json")
        finally:
            process.terminate()
            process.wait(30)
    report = json.loads(done.stdout)
    names = {check["name"].rpartition(": ")[2] for check in report["checks"]}
    assert {"reachable", "model", "key", "context", "pictures", "decoder pyav", "disk", "memory"} <= names
    assert not (tmp_path / "w").exists()


@pytest.mark.slow
def test_the_doctor_fails_with_the_fix(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    with serve(character=Character(model="other")) as server:
        path = written(tmp_path, {"base_urls": [server.url]})
        done = call("doctor", path, "--workspace", tmp_path)
        assert done.exit_code == 1 and "fix: set models.captioner.model: other" in done.stdout
        path = written(tmp_path, {"base_urls": [server.url], "model": "other", "revision": "now"})
        done = call("doctor", path, "--workspace", tmp_path)
        assert done.exit_code == 0, done.stdout
        assert " 0 failed" in done.stdout


def test_the_doctor_looks_at_the_port_of_the_metrics() -> None:
    assert check_port(None) == []
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen(1)
        port = taken.getsockname()[1]
        [check] = check_port(port)
        assert check.status == "fail" and "run.metrics_port" in check.fix
    assert [check.status for check in check_port(port)] == ["ok"]


@pytest.mark.slow
def test_a_benchmark_lists_its_own_options(capfd: pytest.CaptureFixture[str]) -> None:
    assert "serving" in call("bench", "--help").stdout
    assert call("bench", "serving", "--help").exit_code == 0
    assert "--capacities" in capfd.readouterr().out


def test_the_fault_command_is_a_shell_command_too(tmp_path: Path) -> None:
    config = load_config(written(tmp_path, {}))
    command = serve_command(config, "captioner", "faults")
    assert shlex.split(command.text().replace("\\\n", " ")) == command.argv
    assert command.argv[0] == sys.executable and os.environ.get("V2XUM_API_KEY") is None
