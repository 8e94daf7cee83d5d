"""Compares the pipeline's captions per second with what its model server can do.

    python -m benchmarks serving [--json] [--frames 2000] [--frames-a-video 25] [--capacities 8,32,128] [--vllm]
                                 [--images base64|file]

The server has a fixed capacity C and latency (demo.faulty_server, in a process of its own). Its limit is C / latency
captions per second. The measured rate is captions divided by the seconds from the arrival of the first request to the
last answer. The videos are decoded in the same run, some shards while others are captioned.

    ratio         rate over the limit, for the worst of the capacities; a run begins with C requests at once and may
                  have 2 C, because the requests that wait at the server hide the time of transport
    cold_ratio    the same, beginning with 16 requests, like a run that does not know its server
    faults_ratio  the rate with 5 % of all requests spoilt, over the rate without faults at that capacity; every caption
                  is compared with the caption that belongs to its picture
    vllm_ratio    (with --vllm, needs `make vllm`) captions per second from the demo's captioner behind vLLM's CPU
                  build, over what vLLM's own serving benchmark reaches with the same pictures, lengths and
                  concurrency, before and after

The pictures are small (64 x 48), because here client, decoders and server share the cores; on a GPU machine they do
not.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.instant import Instant, trivial_videos
from benchmarks.processes import answers_health
from benchmarks.serving.setup import serving_config
from benchmarks.serving.vllm import compare_with_vllm
from curation.pipeline.run import open_run
from curation.pipeline.services import Services
from curation.status.standings import samples
from demo.faulty_server.answers import caption_of
from demo.faulty_server.plan import even
from flows.cli.app import collect_rarely
from flows.local.prefect_server import local_server, quiet_environment
from schemas.configuration.config import SourceSpec
from schemas.configuration.model_config import OpenAIModel
from schemas.errors import ConfigError
from schemas.kit.local_process import free_port

LATENCY = 0.2
FAULTS = 0.05
COLD = 16


def main() -> None:
    """Run the benchmark and print the figures as JSON."""
    parser = argparse.ArgumentParser(prog="v2xum bench serving", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--json", action="store_true", help="one line of JSON")
    parser.add_argument("--frames", type=int, default=2000, help="frames to caption, rounded down to whole videos")
    parser.add_argument(
        "--frames-a-video", type=int, default=25, help="a shorter video costs more work beside captions"
    )
    parser.add_argument("--capacities", default="8,32,128", help="requests that the server works on at once")
    parser.add_argument("--images", choices=("base64", "file"), default="base64", help="how pictures are sent")
    parser.add_argument("--vllm", action="store_true", help="also against a real vLLM")
    options = parser.parse_args()
    capacities = [int(part) for part in options.capacities.split(",")]
    collect_rarely()  # as the command does
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        quiet_environment(folder / "prefect")
        with local_server(folder / "prefect") as url:
            from prefect.settings import PREFECT_API_URL, temporary_settings

            with temporary_settings({PREFECT_API_URL: url}):
                result = measure(folder, options.frames, options.frames_a_video, capacities, options.images)
                if options.vllm:
                    result |= compare_with_vllm(folder / "vllm", options.images)
    print(json.dumps(result) if options.json else json.dumps(result, indent=1))


def measure(folder: Path, frames: int, a_video: int, capacities: list[int], images: str) -> dict[str, Any]:
    """All figures except vLLM's."""
    videos = max(1, frames // a_video)
    films = trivial_videos(folder / "films", videos, a_video)
    result: dict[str, Any] = {"frames": videos * a_video, "frames_a_video": a_video, "latency_s": LATENCY}
    result["images"] = images
    ratios = {}
    for capacity in capacities:
        rates = _curate(folder / f"c{capacity}", films, capacity, capacity, images, {})
        ratios[capacity] = rates["per_s"] * LATENCY / capacity
        result[f"c{capacity}"] = {"ratio": round(ratios[capacity], 4), **rates}
    middle = capacities[len(capacities) // 2]
    cold = _curate(folder / "cold", films, middle, min(COLD, middle), images, {})
    result["cold_ratio"] = round(cold["per_s"] * LATENCY / middle, 4)
    spoilt = _curate(folder / "faults", films, middle, middle, images, even(FAULTS))
    result["faults"] = spoilt
    result["faults_ratio"] = round(spoilt["per_s"] / result[f"c{middle}"]["per_s"], 4)
    return {"ratio": round(min(ratios.values()), 4), **result}


def _curate(
    folder: Path, films: Path, capacity: int, start: int, images: str, faults: dict[str, float]
) -> dict[str, Any]:
    """Curate the videos through a server of that capacity. Returns the rates that the server measured."""
    from flows.curate import curate  # imports Prefect, whose environment must be set first

    media = folder / "media"
    media.mkdir(parents=True)
    with capacity_server(capacity, media, faults) as url:
        model = OpenAIModel(
            engine="openai",
            model="tiny",
            base_urls=(url,),
            images="file" if images == "file" else "base64",
            media_path=str(media),
            concurrency={"start": start, "max": 2 * capacity},
            backoff=0.05,
        )
        settings = serving_config(model).model_copy(update={"sources": (SourceSpec(at=str(films)),)})
        root = folder / "workspace"
        began = time.perf_counter()
        with open_run(root, settings) as run:
            run.services.__dict__["summarizer"] = Instant()
            counts = curate(settings, root)
            wall = time.perf_counter() - began
            wrong, captions = _misplaced(run.services)
            reading = run.services.meter.read()
        with urllib.request.urlopen(url.removesuffix("/v1") + "/stats", timeout=10) as response:
            stats = json.load(response)
    return {
        "per_s": round(captions / stats["span_seconds"], 2),
        "captions": captions,
        "misplaced": wrong,
        "samples": counts.samples,
        "whole_run_per_s": round(captions / wall, 2),
        "peak_at_once": stats["peak_working"],
        "retries": sum(reading.retries.values()),
        "faults": sum(stats["faults"].values()),
    }


def _misplaced(services: Services) -> tuple[int, int]:
    """The number of captions that are not the server's for their picture, and the number of all captions."""
    wrong = count = 0
    for sample in samples(services.view):
        for caption in sample.captions.captions:
            count += 1
            wrong += caption.text != caption_of(caption.image_sha256)
    return wrong, count


@contextmanager
def capacity_server(capacity: int, media: Path, faults: dict[str, float], latency: float = LATENCY) -> Iterator[str]:
    """Run a server of fixed capacity in another process and give its URL. Raises ConfigError if it does not start."""
    port = free_port()
    command = [sys.executable, "-m", "demo.faulty_server", "--port", str(port), "--capacity", str(capacity)]
    command += ["--latency", str(latency), "--seed", "1", "--media-path", str(media), "--retry-after", "0.1"]
    command += [part for kind, share in faults.items() for part in (f"--{kind.replace('_', '-')}", str(share))]
    process = subprocess.Popen([*command, "--slow-seconds", "1"], stdout=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{port}"
    try:
        if not answers_health(url, process, 60):
            raise ConfigError("the capacity server did not start")
        yield f"{url}/v1"
    finally:
        process.terminate()
        process.wait(timeout=10)


if __name__ == "__main__":
    main()
