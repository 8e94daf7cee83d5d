"""A server that nobody started is told before anything else; patience is for servers that were there."""

from __future__ import annotations

from pathlib import Path

import pytest

from curation.pipeline.services import open_services
from curation.workspace import Workspace
from demo.faulty_server.plan import FaultPlan
from demo.faulty_server.server import serve
from models.servers.presence import require_server
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


def test_where_none_answers_each_is_named_with_the_way_out() -> None:
    urls = nobody(), nobody()
    with pytest.raises(ServerGone, match="v2xum serve judge CONFIG --run") as caught:
        require_server("judge", model(*urls))
    assert all(f"{url}: Connection refused" in str(caught.value) for url in urls)


def test_a_run_hears_of_it_before_a_model_is_loaded(tmp_path: Path) -> None:
    missing = f"models.summarizer={{engine: openai, model: tiny, base_urls: ['{nobody()}']}}"
    with open_services(Workspace(tmp_path / "w"), load_config(CONFIG, [missing])) as services:
        services.open_models({"filter", "frames"})
        with pytest.raises(ServerGone, match="Nothing was downloaded"):
            services.open_models({"download", "caption", "extract", "refine"})
        assert "captioner" not in vars(services)
