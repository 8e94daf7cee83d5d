"""Runs the faulty server from a terminal: `python -m demo.faulty_server`."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import sys
from pathlib import Path

from demo.faulty_server.answers import Answerer, LocalAnswers, UpstreamAnswers, hashed
from demo.faulty_server.plan import add_arguments, plan_of
from demo.faulty_server.requests import Character
from demo.faulty_server.server import FaultServer
from schemas.errors import ConfigError
from schemas.repository import DATA

_CHECKPOINTS = DATA / "demo"


async def run(server: FaultServer) -> None:
    """Serve until SIGINT or SIGTERM. Print a first line with the address, and a last line with the counters."""
    ended = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    await server.open()
    sys.stdout.write(f"listening on {server.url} as model {server.character.model!r}\n")
    sys.stdout.flush()
    await ended.wait()
    await server.close()
    sys.stdout.write(json.dumps(server.stats.document()) + "\n")


def main() -> None:
    """Run the server with the options of the command line. V2XUM_FAULTS_API_KEY holds the key that clients need."""
    parser = argparse.ArgumentParser(prog="python -m demo.faulty_server", description=__doc__.partition("\n")[0])
    parser.add_argument("--port", type=int, default=8000, help="port on 127.0.0.1; 0: a free port")
    parser.add_argument("--model", default="tiny", help="the name of the served model")
    parser.add_argument("--max-model-len", type=int, default=8192, help="tokens of prompt and reply together")
    parser.add_argument("--media-path", type=Path, help="the folder of file:// pictures")
    parser.add_argument("--no-structured", action="store_true", help="ignore response_format")
    parser.add_argument("--no-images", action="store_true", help="refuse pictures")
    parser.add_argument("--answer", choices=("hashed", "local", "upstream"), default="hashed")
    parser.add_argument("--upstream", help="for --answer upstream: its base URL, which ends in /v1")
    parser.add_argument("--upstream-model", help="the name of the model there (default: --model)")
    add_arguments(parser)
    given = parser.parse_args()
    character = Character(
        given.model,
        given.max_model_len,
        os.environ.get("V2XUM_FAULTS_API_KEY"),
        given.media_path,
        not given.no_structured,
        not given.no_images,
    )
    if given.answer == "upstream" and not given.upstream:
        parser.error("--answer upstream needs --upstream URL")
    try:
        asyncio.run(run(FaultServer(plan_of(given), _answerer(given), character, given.port)))
    except (ValueError, ConfigError) as error:
        parser.error(str(error))
    except OSError as error:
        parser.error(f"port {given.port}: {error.strerror or error}")


def _answerer(given: argparse.Namespace) -> Answerer:
    if given.answer == "local":
        return LocalAnswers(_CHECKPOINTS / "captioner", _CHECKPOINTS / "summarizer")
    if given.answer == "upstream":
        return UpstreamAnswers(given.upstream, given.upstream_model, os.environ.get("V2XUM_API_KEY"))
    return hashed


if __name__ == "__main__":
    main()
