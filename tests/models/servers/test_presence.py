"""A server that nobody started is told before anything else; patience is for servers that were there."""

from __future__ import annotations

import http.server
import socket
import threading
from contextlib import ExitStack
from pathlib import Path

import pytest

from curation.pipeline.services import open_services
from curation.workspace import Workspace
from demo.faulty_server.plan import FaultPlan
from demo.faulty_server.server import serve
from models.servers.presence import require_server
from models.servers.transport import proxy_of
from schemas.configuration.loading import load_config
from schemas.configuration.model_config import OpenAIModel
from schemas.errors import ServerGone
from schemas.kit.local_process import free_port
from tests.runs import CONFIG


def model(*urls: str) -> OpenAIModel:
    return OpenAIModel(engine="openai", model="tiny", base_urls=urls, patience=600)


def nobody() -> str:
    return f"http://127.0.0.1:{free_port()}/v1"


def test_one_server_that_answers_is_enough() -> None:
    with serve(FaultPlan()) as server:
        require_server("captioner", model(nobody(), server.url))


class _Answers(http.server.BaseHTTPRequestHandler):
    """A proxy that answers for every machine, as one does before a server that wants a key."""

    def do_GET(self) -> None:
        self.server.asked.append(self.path)  # type: ignore[attr-defined]
        self.send_response(401)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


def test_a_server_behind_the_proxy_of_the_environment_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    proxy_of.cache_clear()
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Answers) as proxy:
        proxy.asked = []  # type: ignore[attr-defined]
        threading.Thread(target=proxy.serve_forever, daemon=True).start()
        for name in ("HTTP_PROXY", "http_proxy"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.server_port}")
        require_server("captioner", model("http://models.example.invalid/v1"))
        proxy.shutdown()
    assert proxy.asked == ["http://models.example.invalid/health"]  # type: ignore[attr-defined]
    proxy_of.cache_clear()


def test_a_server_that_is_connected_but_slow_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("models.servers.presence._SECONDS", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as busy:
        require_server("captioner", model(f"http://127.0.0.1:{busy.getsockname()[1]}/v1"))


def test_where_none_answers_each_is_named_with_the_way_out() -> None:
    urls = nobody(), nobody()
    with pytest.raises(ServerGone, match="v2xum serve judge CONFIG --run") as caught:
        require_server("judge", model(*urls))
    assert all(f"{url}: cannot connect: Connection refused" in str(caught.value) for url in urls)


def test_a_run_hears_of_it_before_a_model_is_loaded(tmp_path: Path) -> None:
    missing = f"models.summarizer={{engine: openai, model: tiny, base_urls: ['{nobody()}']}}"
    with open_services(Workspace(tmp_path / "w"), load_config(CONFIG, [missing])) as services:
        services.open_models({"filter", "frames"})
        with pytest.raises(ServerGone, match="Nothing was downloaded"):
            services.open_models({"download", "caption", "extract", "refine"})
        assert "captioner" not in vars(services)


def test_a_server_that_goes_away_after_its_model_was_built_is_waited_for(tmp_path: Path) -> None:
    with ExitStack() as running:
        server = running.enter_context(serve(FaultPlan()))
        served = f"models.summarizer={{engine: openai, model: tiny, base_urls: ['{server.url}']}}"
        with open_services(Workspace(tmp_path / "w"), load_config(CONFIG, [served])) as services:
            services.open_models({"extract", "refine"})
            running.close()
            services.open_models({"extract", "refine"})  # as the flow does after the head start
