"""Real vLLM servers (the CPU build, from .venv-vllm) with the demo's checkpoints, started by the project's recipe."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow.parquet as pq
import pytest

from benchmarks.serving.vllm_server import PYTHON, VllmServer

CLIP = 3  # frames of a clip


class Servers(NamedTuple):
    """The two servers of the demo."""

    captioner: VllmServer
    summarizer: VllmServer

    def sets(self) -> list[str]:
        """Arguments of the command line that point a configuration at them."""
        roles = {"captioner": self.captioner, "summarizer": self.summarizer}
        return [part for role, one in roles.items() for part in ("--set", f"models.{role}.base_urls=[{one.url}]")]


@pytest.fixture(scope="session")
def vllm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    """Servers of the demo's two checkpoints."""
    if not PYTHON.exists():
        pytest.skip("no vLLM here: make vllm")
    folder = tmp_path_factory.mktemp("vllm")
    (folder / "media").mkdir()
    media = f"models.captioner.media_path={folder / 'media'}"
    clips = ("caption.unit=clip", f"caption.clip_frames={CLIP}")  # it takes several pictures too
    captioner = VllmServer("captioner", folder, (media, "models.captioner.images=file", *clips))
    servers = Servers(captioner, VllmServer("summarizer", folder))
    try:
        for one in servers:
            one.start()
        for one in servers:
            one.wait()
        yield servers
    finally:
        for one in servers:
            one.kill()


def texts(workspace: Path) -> dict[str, Any]:
    """Every published sample by id, without its provenance and scores: which models measured it is no matter here."""
    rows: list[dict[str, Any]] = []
    for path in sorted((workspace / "export").rglob("*.parquet")):
        rows += pq.ParquetFile(path).read().to_pylist()
    return {row["id"]: {name: plain(row[name]) for name in row if name not in ("provenance", "scores")} for row in rows}


def plain(value: Any) -> Any:
    """A cell without picture bytes."""
    if isinstance(value, dict):
        return {key: plain(inner) for key, inner in value.items() if key != "bytes"}
    return [plain(inner) for inner in value] if isinstance(value, list) else value
