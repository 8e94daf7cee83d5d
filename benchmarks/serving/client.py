"""Measures the CPU time of a request in the client, against a plain aiohttp loop in the same minute.

    python -m benchmarks client [--json] [--requests 3000]

The server answers at once, in a process of its own. The loop posts the same bodies, 32 at once, and parses the answers;
nothing else. Each figure is the least of several rounds, in CPU milliseconds a request (user and system, all threads):

    plain_ms      the loop
    transport_ms  the same loop over models/servers/transport.py: bounded bodies, time limits, faults
    engine_ms     the engine of a run: queue, threads, limit, checks of every reply
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import aiohttp

from benchmarks.serving.capacity import capacity_server
from models.chat import Request
from models.meter import Meter
from models.servers.chat_model import RemoteChatModel
from models.servers.transport import Transport
from models.servers.wire import Writer
from schemas.configuration.model_config import OpenAIModel

AT_ONCE = 32
PICTURE_BYTES = 6000
ROUNDS = 3
_CALLS = 8  # threads that call the engine


def main() -> None:
    """Run the benchmark and print the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--json", action="store_true", help="one line of JSON")
    parser.add_argument("--requests", type=int, default=3000, help="requests of a round")
    options = parser.parse_args()
    with capacity_server(10_000, Path(), {}, latency=0) as url:
        result = measure(url, options.requests)
    print(json.dumps(result) if options.json else json.dumps(result, indent=1))


def measure(url: str, count: int) -> dict[str, Any]:
    """The figures for a server that answers at once."""
    rng = random.Random(1)
    requests = [Request("Describe the picture.", rng.randbytes(PICTURE_BYTES), None, 64) for _ in range(count)]
    model = OpenAIModel(engine="openai", model="tiny", base_urls=(url,), concurrency={"start": AT_ONCE, "max": AT_ONCE})
    writer = Writer(model, "tiny", "", {})
    ways: dict[str, Callable[[], float]] = {
        "plain": lambda: asyncio.run(_plain(url, writer, requests)),
        "transport": lambda: asyncio.run(_transport(url, writer, requests)),
        "engine": lambda: _engine(model, requests),
    }
    least = {name: min(times) for name, times in _rounds(ways).items()}
    figures = {f"{name}_ms": round(1000 * seconds / count, 3) for name, seconds in least.items()}
    return {**figures, "engine_over_plain": round(least["engine"] / least["plain"], 2), "requests": count}


def _rounds(ways: dict[str, Callable[[], float]]) -> dict[str, list[float]]:
    """The CPU seconds of every way, with the ways taking turns."""
    times: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(ROUNDS):
        for name, way in ways.items():
            times[name].append(way())
    return times


async def _plain(url: str, writer: Writer, requests: list[Request]) -> float:
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:

        async def post(body: bytes) -> bytes:
            async with session.post(
                f"{url}/chat/completions", data=body, headers={"Content-Type": "application/json"}
            ) as response:
                return await response.read()

        return await _loop(post, writer, requests)


async def _transport(url: str, writer: Writer, requests: list[Request]) -> float:
    transport = Transport(None)
    try:
        return await _loop(lambda body: transport.post(f"{url}/chat/completions", body, 60), writer, requests)
    finally:
        await transport.close()


async def _loop(post: Callable[[bytes], Awaitable[bytes]], writer: Writer, requests: list[Request]) -> float:
    todo = iter(requests)

    async def work() -> None:
        for request in todo:
            json.loads(await post(writer.body(request)))["choices"][0]["message"]["content"]

    began = time.process_time()
    await asyncio.gather(*(work() for _ in range(AT_ONCE)))
    return time.process_time() - began


def _engine(config: OpenAIModel, requests: list[Request]) -> float:
    with RemoteChatModel(config, Meter(), lambda: None) as model, ThreadPoolExecutor(_CALLS) as pool:
        began = time.process_time()
        list(pool.map(model.complete, [requests[i::_CALLS] for i in range(_CALLS)]))
        return time.process_time() - began


if __name__ == "__main__":
    main()
