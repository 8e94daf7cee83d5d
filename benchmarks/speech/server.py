"""How near recognition through a server comes to what the server can do, with the sound of several videos at once.

Baseline: a plain client that sends the same requests to the same server in the same minutes, and reads no answer. The
server answers CAPACITY / LATENCY pieces a second while it always has work and a processor.

    python -m benchmarks speech_server [--videos N] [--pieces N] [--json]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import aiohttp

from benchmarks.serving.capacity import capacity_server
from models.build import build_transcriber
from models.chat import ChatModel, Request
from models.meter import Meter
from models.servers.speech_wire import SpeechWriter
from schemas.configuration.model_config import SpeechServer
from schemas.kit.wav import RATE, SAMPLE, wav_of

CAPACITY, LATENCY = 8, 1.0
PIECE_SECONDS = 28


def measure(videos: int, pieces: int) -> dict[str, Any]:
    """The figures for `videos` that are heard at the same time, each with so many pieces."""
    rng = random.Random(1)
    sounds = [wav_of(rng.randbytes(PIECE_SECONDS * RATE * SAMPLE)) for _ in range(4)]
    meter = Meter()
    with capacity_server(CAPACITY, Path(), {}, latency=LATENCY) as url:
        config = SpeechServer(
            engine="openai", model="tiny", base_urls=(url,), concurrency={"start": CAPACITY, "max": 4 * CAPACITY}
        )
        model = build_transcriber(config, meter)

        def hear(video: int) -> int:
            asked = [Request("", sound=sounds[(video + n) % len(sounds)]) for n in range(pieces)]
            return sum(_answered(model, asked[at : at + model.batch]) for at in range(0, pieces, model.batch))

        with ThreadPoolExecutor(videos) as pool:
            began, before = time.monotonic(), time.process_time()
            answered = sum(pool.map(hear, range(videos)))
            took, cpu = time.monotonic() - began, time.process_time() - before
        plain = asyncio.run(_plain(url, [Request("", sound=sound) for sound in sounds], answered))
    rate, best = answered / took, answered / plain
    return {
        "benchmark": "speech_server",
        "videos": videos,
        "pieces": answered,
        "pieces_a_second": round(rate, 2),
        "pieces_a_second_plain": round(best, 2),
        "capacity": CAPACITY / LATENCY,
        "ratio": round(rate / best, 3),
        "sound_seconds_a_second": round(rate * PIECE_SECONDS, 1),
        "cpu_ms_a_piece": round(1000 * cpu / answered, 1),
    }


async def _plain(url: str, requests: list[Request], count: int) -> float:
    """The seconds that a plain client takes for `count` pieces, as many at the same time as the model may send."""
    wire, places = SpeechWriter("tiny"), asyncio.Semaphore(4 * CAPACITY)
    bodies = [wire.body(request) for request in requests]
    headers = {"Content-Type": wire.content_type}
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:

        async def post(number: int) -> None:
            async with (
                places,
                session.post(f"{url}/{wire.path}", data=bodies[number % len(bodies)], headers=headers) as got,
            ):
                await got.read()

        began = time.monotonic()
        await asyncio.gather(*map(post, range(count)))
        return time.monotonic() - began


def _answered(model: ChatModel, requests: list[Request]) -> int:
    return sum(reply.finish == "stop" for reply in model.complete(requests))


def main() -> None:
    """Print the figures of the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks speech_server", description=__doc__.partition("\n")[0])
    parser.add_argument("--videos", type=int, default=6, help="heard at the same time")
    parser.add_argument("--pieces", type=int, default=48, help="of each video")
    parser.add_argument("--json", action="store_true", help="one line of JSON")
    given = parser.parse_args()
    found = measure(given.videos, given.pieces)
    print(json.dumps(found) if given.json else "\n".join(f"{name:24} {value}" for name, value in found.items()))


if __name__ == "__main__":
    main()
