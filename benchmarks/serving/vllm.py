"""Compares the pipeline with vLLM's own serving benchmark, on the same server with the same pictures, in turn.

The server is vLLM's CPU build (`make vllm`) with the demo's captioner. Caches that would help the second contender are
switched off. vLLM's benchmark gets exactly the pictures that the pipeline sends.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.instant import Instant
from benchmarks.serving.setup import serving_config
from benchmarks.serving.vllm_server import ENVIRONMENT, PYTHON, VllmServer
from curation.pipeline.run import open_run
from curation.status.standings import samples
from curation.video.encode import encode_video
from demo.render import frames
from demo.world import make_script
from prompts import load
from schemas.configuration.config import CurateConfig, SourceSpec
from schemas.configuration.model_config import OpenAIModel
from schemas.errors import ConfigError

VIDEOS, AT_ONCE = 12, 16
# The console script of the CPU build requires a distribution called vllm; the module does not.
_BENCH = """
from vllm.benchmarks.serve import add_cli_args, main
from vllm.utils.argparse_utils import FlexibleArgumentParser
parser = FlexibleArgumentParser()
add_cli_args(parser)
main(parser.parse_args())
"""


def compare_with_vllm(folder: Path, images: str) -> dict[str, Any]:
    """The pipeline's captions per second divided by those of `vllm bench serve`.

    The latter is the mean of a run before and a run after. Raises ConfigError when vLLM is not installed.
    """
    films = folder / "films"
    films.mkdir(parents=True)
    for number in range(VIDEOS):
        script = make_script(60_000_000 + number, 40 + number)
        encode_video(films / f"{number}.mp4", frames(script, 2), fps=2, options={"preset": "ultrafast"})
    with vllm_server(folder, images) as model:
        settings = _config(model, films)
        warm, _ = _pipeline(folder / "first", settings)  # this run also makes the pictures
        requests = _requests(folder, warm, settings)
        before = _bench(folder, model, requests, settings.caption.max_tokens)
        _, ours = _pipeline(folder / "second", settings)
        after = _bench(folder, model, requests, settings.caption.max_tokens)
    return {
        "vllm_ratio": round(2 * ours / (before + after), 4),
        "vllm": {"captions": len(warm), "at_once": AT_ONCE, "per_s": ours, "own_benchmark_per_s": [before, after]},
    }


@contextmanager
def vllm_server(folder: Path, images: str) -> Iterator[OpenAIModel]:
    """The demo's captioner behind vLLM, as `v2xum serve` starts it, but without prefix cache."""
    sets = (f"models.captioner.media_path={folder}", "models.captioner.images=file")  # vLLM's benchmark sends paths
    server = VllmServer("captioner", folder, sets, {"--enable-prefix-caching": "--no-enable-prefix-caching"})
    try:
        server.start()
        server.wait()
        model = server.config.models.captioner
        assert isinstance(model, OpenAIModel)
        yield model.model_copy(
            update={
                "images": images,
                "concurrency": model.concurrency.model_copy(update={"start": AT_ONCE, "max": AT_ONCE}),
            }
        )
    finally:
        server.kill()


def _config(model: OpenAIModel, films: Path) -> CurateConfig:

    base = serving_config(model)
    pictures = base.frames.model_copy(update={"short_side": 448, "keep": "all"})
    return base.model_copy(update={"frames": pictures, "sources": (SourceSpec(at=str(films)),)})


def _pipeline(root: Path, settings: CurateConfig) -> tuple[list[Path], float]:
    """Curate into a fresh workspace. Returns the pictures in the order of their captions, and captions per second."""
    from flows.curate import curate  # imports Prefect, whose environment must be set first

    with open_run(root, settings) as run:
        run.services.__dict__["summarizer"] = Instant()
        times: list[float] = []
        model = run.services.captioner
        complete = model.complete

        def timed(requests: Any, arrived: Any = None) -> Any:
            times.append(time.perf_counter())
            replies = complete(requests, arrived)
            times.append(time.perf_counter())
            return replies

        model.complete = timed  # type: ignore[method-assign]
        curate(settings, root)
        pictures: list[Path] = []
        for sample in samples(run.services.view):
            for frame in sample.frames.frames:
                path = root / "pictures" / f"{len(pictures):05d}.jpg"
                path.parent.mkdir(exist_ok=True)
                path.write_bytes(run.services.pictures.read(sample.video, sample.frames, frame.index))
                pictures.append(path)
    return pictures, round(len(pictures) / (max(times) - min(times)), 2)


def _requests(folder: Path, pictures: list[Path], settings: CurateConfig) -> Path:
    """Write the pipeline's requests as vLLM's benchmark reads them. Returns the file's path."""
    path = folder / "requests.jsonl"
    text = load(settings.caption.prompt).render()
    rows = [{"prompt": text, "image_files": [str(picture)]} for picture in pictures]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def _bench(folder: Path, model: OpenAIModel, requests: Path, length: int) -> float:
    """Requests per second of vLLM's own benchmark, with replies of at most `length` tokens."""
    count = len(requests.read_text().splitlines())
    weights = model.serve.weights or model.model
    options = {
        "--backend": "openai-chat",
        "--endpoint": "/v1/chat/completions",
        "--base-url": model.base_urls[0].removesuffix("/v1"),
        "--model": model.model,
        "--tokenizer": weights,
        "--dataset-name": "custom_image",
        "--dataset-path": str(requests),
        "--custom-output-len": str(length),
        "--num-prompts": str(count),
        "--max-concurrency": str(AT_ONCE),
        "--temperature": "0",
        "--result-filename": str(folder / "bench.json"),
    }
    command = [str(PYTHON), "-c", _BENCH, *(part for option in options.items() for part in option)]
    subprocess.run(
        [*command, "--save-result", "--disable-shuffle", "--no-stream", "--disable-tqdm"],
        check=True,
        env={**os.environ, **ENVIRONMENT},
        stdout=subprocess.DEVNULL,
        stderr=sys.stderr,
        timeout=600,
    )
    result = json.loads((folder / "bench.json").read_text())
    if result["completed"] != count:
        raise ConfigError(f"vLLM's benchmark had {result['completed']} of {count} answers")
    return round(float(result["request_throughput"]), 2)
