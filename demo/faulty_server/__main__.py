"""Runs the faulty server from a terminal: `python -m demo.faulty_server`."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import sys
from pathlib import Path

from demo.faulty_server.answers import Answer, LocalAnswers, UpstreamAnswers, hashed
from demo.faulty_server.plan import add_arguments, plan_of
from demo.faulty_server.requests import Character
from demo.faulty_server.server import FaultServer
from schemas.errors import ConfigError
from schemas.repository import DATA

_CHECKPOINTS = DATA / "demo"


async def run(server: FaultServer) -> None:
    """Serve until SIGINT or SIGTERM; a line at the beginning says where, one at the end what happened."""
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
    """Run the server from a command line; a key that clients must show comes from V2XUM_FAULTS_API_KEY."""
    parser = argparse.ArgumentParser(prog="python -m demo.faulty_server", description=__doc__.partition("\n")[0])
    parser.add_argument("--port", type=int, default=8000, help="on 127.0.0.1; 0: a free one")
    parser.add_argument("--model", default="tiny", help="the name that is served")
    parser.add_argument("--max-model-len", type=int, default=8192, help="tokens of prompt and reply together")
    parser.add_argument("--media-path", type=Path, help="folder that file:// pictures may be read from")
    parser.add_argument("--no-structured", action="store_true", help="ignore response_format")
    parser.add_argument("--no-images", action="store_true", help="refuse pictures")
    parser.add_argument("--answer", choices=("hashed", "local", "upstream"), default="hashed")
    parser.add_argument("--upstream", help="base URL, ending in /v1, for --answer upstream")
    parser.add_argument("--upstream-model", help="name of the model there; this server's when left out")
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
        asyncio.run(run(FaultServer(plan_of(given), _answer(given), character, given.port)))
    except (ValueError, ConfigError) as error:
        parser.error(str(error))
    except OSError as error:
        parser.error(f"port {given.port}: {error.strerror or error}")


def _answer(given: argparse.Namespace) -> Answer:
    if given.answer == "local":
        return LocalAnswers(_CHECKPOINTS / "captioner", _CHECKPOINTS / "summarizer")
    if given.answer == "upstream":
        return UpstreamAnswers(given.upstream, given.upstream_model, os.environ.get("V2XUM_API_KEY"))
    return hashed


if __name__ == "__main__":
    main()
