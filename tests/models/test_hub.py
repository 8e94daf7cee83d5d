"""Commits of the hub: asked once, told at once when the hub is away, and taken from the cache then."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from huggingface_hub import constants

from models import hub
from models.hub import hub_commit, weights_revision
from schemas.errors import ConfigError
from schemas.kit.local_process import free_port

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """A process that has not asked the hub yet, with an empty cache."""
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(hub, "_silent", None)
    hub._commit.cache_clear()
    yield
    hub._commit.cache_clear()


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """A hub that has one model; the list fills with the paths that were asked for."""
    paths: list[str] = []

    class Hub(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path.startswith("/api/models"):  # the client also asks for other things, once
                paths.append(self.path)
            known = self.path.startswith("/api/models/owner/model")
            body = json.dumps({"id": "owner/model", "sha": COMMIT} if known else {"error": "Repository not found"})
            self.send_response(503 if "busy" in self.path else 200 if known else 404)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Hub) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setattr(constants, "ENDPOINT", f"http://127.0.0.1:{server.server_port}")
        yield paths
        server.shutdown()


@pytest.fixture
def away(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody listens at the hub's address."""
    monkeypatch.setattr(constants, "ENDPOINT", f"http://127.0.0.1:{free_port()}")


def cached(tmp_path: Path) -> None:
    folder = tmp_path / "cache" / "models--owner--model"
    (folder / "refs").mkdir(parents=True)
    (folder / "refs" / "main").write_text(COMMIT)
    (folder / "snapshots" / COMMIT).mkdir(parents=True)
    (folder / "snapshots" / COMMIT / "config.json").write_text("{}")


def test_the_hub_is_asked_once_for_a_name(asked: list[str]) -> None:
    assert {hub_commit("owner/model", None) for _ in range(3)} == {COMMIT}
    assert len(asked) == 1
    assert hub_commit("owner/model", "v1") == COMMIT and asked[1].startswith("/api/models/owner/model/revision/v1")


@pytest.mark.parametrize("name", ["owner/nothing", "no name/of/the hub"])
def test_a_name_that_the_hub_does_not_have(name: str, asked: list[str]) -> None:
    with pytest.raises(ConfigError, match=r"owner/nothing|neither a folder nor a name"):
        hub_commit(name, None)
    assert len(asked) <= 1


@pytest.mark.usefixtures("away")
def test_without_a_network_the_copy_in_the_cache_counts(tmp_path: Path) -> None:
    cached(tmp_path)
    assert hub_commit("owner/model", None) == COMMIT


@pytest.mark.usefixtures("away")
def test_without_network_and_copy_it_is_said_and_nobody_asks_again(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match=r"cannot be reached \(.*\), and the cache has no copy"):
        hub_commit("owner/model", None)
    monkeypatch.setattr("huggingface_hub.HfApi", None)  # a further question would fail otherwise
    with pytest.raises(ConfigError, match="cannot be reached"):
        hub_commit("owner/other", None)


def test_a_hub_that_is_busy_counts_as_away(asked: list[str], tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="HTTP 503"):
        hub_commit("owner/busy", None)
    assert len(asked) == 1


def test_weights_of_a_folder_have_no_revision(tmp_path: Path) -> None:
    assert weights_revision(str(tmp_path), None) is None
