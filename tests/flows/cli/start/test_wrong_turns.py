"""Each wrong turn of a newcomer ends in a sentence with the next step."""

from __future__ import annotations

import io
import json
import socket
from pathlib import Path

import pytest
from rich.console import Console

from flows.cli.doctor import check_port
from flows.cli.main import require_python
from flows.cli.printing.print_status import print_status
from flows.prometheus import require_port
from models.build import build_chat_model, build_clip, build_embedder
from models.checks import check_local
from models.hub import HubUnreachable
from schemas.configuration.model_config import LocalModel, TransformersClip, TransformersEmbedder
from schemas.documents.status import WorkspaceStatus
from schemas.errors import ConfigError
from schemas.repository import ROOT
from tests.runs import CONFIG, in_process

DEMO = str(ROOT / "data" / "demo")


def test_an_old_python(capsys: pytest.CaptureFixture[str]) -> None:
    require_python((3, 11))
    with pytest.raises(SystemExit) as end:
        require_python((3, 9))
    assert end.value.code == 2
    assert "this is Python 3.9, and 3.11 or newer is needed" in capsys.readouterr().err


def test_a_configuration_that_is_not_there(tmp_path: Path) -> None:
    done = in_process("curate", tmp_path / "my.yaml")
    assert done.returncode == 2 and "no such file; `v2xum init DIR` writes one" in done.stderr


def test_places_without_a_video(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "notes.txt").touch()
    (tmp_path / "empty.csv").write_text("url\n")
    (tmp_path / "titles.csv").write_text("title\na\n")
    for source, words in (
        ("folder", "files with these endings are looked for, also in folders inside: .3g2 "),
        ("empty.csv", "it has no row below its header; write one address a row"),
        ("titles.csv", "no column looks like an address"),
    ):
        done = in_process("curate", CONFIG, "--workspace", tmp_path / "w", "--source", source)
        assert done.returncode == 2 and words in done.stderr, done.stderr


def test_no_gpu_where_a_model_wants_one() -> None:
    """Said before weights are loaded, and not as an error of torch."""
    path = f"{DEMO}/captioner"
    builds = (
        lambda: build_chat_model(LocalModel(model=path, device="xpu:0")),
        lambda: build_embedder(TransformersEmbedder(engine="transformers", model=path, device="xpu:0")),
        lambda: build_clip(TransformersClip(engine="transformers", model=f"{DEMO}/clip", device="xpu:0")),
    )
    for build in builds:
        with pytest.raises(
            ConfigError, match="sees no device 'xpu:0': set `device: cpu`, or put the model on a server"
        ):
            build()


def test_a_model_whose_name_is_wrong_and_a_hub_that_is_not_reached(monkeypatch: pytest.MonkeyPatch) -> None:
    for error, words in (
        (
            ConfigError("model 'a/b' cannot be loaded from the hub: 404"),
            "correct the name, or set models.captioner.model",
        ),
        (HubUnreachable("model 'a/b': the hub cannot be reached"), "HTTPS_PROXY names a proxy"),
    ):

        def ask(_model: str, _revision: str | None, error: ConfigError = error) -> str:
            raise error

        monkeypatch.setattr("models.checks.revision_of", ask)
        [check] = check_local("captioner", LocalModel(model="a/b"))
        assert check.status == "fail" and words in check.fix


def test_a_port_in_use_is_told_before_the_run() -> None:
    require_port(None)
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen(1)
        port = other.getsockname()[1]
        with pytest.raises(ConfigError, match=f"run.metrics_port: 127.0.0.1:{port} .*in use.*set it to a free port"):
            require_port(port)
        [check] = check_port(port)
        assert check.status == "fail" and check.found.startswith(f"127.0.0.1:{port} cannot be listened on")


def test_a_run_without_a_sample_says_the_way_out_of_each_reason() -> None:
    """A film of ten seconds, and an address without a network."""
    told = io.StringIO()
    document = {"videos": 2, "samples": 0, "rejected": 1, "retryable": 1, "pending": 0, "stages": {}, "last_run": None}
    reasons = {"filter: too_short": 1, "download: host_not_found": 1, "caption: <unknown>": 1}
    status = WorkspaceStatus.model_validate_json(json.dumps({**document, "reasons": reasons}))
    print_status(status, Path("w"), Console(file=told, width=80))
    assert "way out: `--set filters.duration.min=10`" in told.getvalue()
    assert "way out: correct the address, or look at the network" in told.getvalue()
    with_sample = io.StringIO()
    print_status(status.model_copy(update={"samples": 1}), Path("w"), Console(file=with_sample, width=80))
    assert "way out" not in with_sample.getvalue()
