"""Runs the stand-in Hub from a terminal: `python -m demo.hub --root DIR`."""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
from pathlib import Path

from demo.hub.server import Hub


async def run(hub: Hub, home: Path) -> None:
    """Serve until SIGINT or SIGTERM; print what a client puts into its environment."""
    ended = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    await hub.open()
    for name, value in hub.environment(home).items():
        sys.stdout.write(f"export {name}={value}\n")
    sys.stdout.flush()
    await ended.wait()
    await hub.close()


def main() -> None:
    """Run the server with the options of the command line."""
    parser = argparse.ArgumentParser(prog="python -m demo.hub", description=__doc__.partition("\n")[0])
    parser.add_argument("--port", type=int, default=8010, help="port on 127.0.0.1; 0: a free port")
    parser.add_argument("--root", type=Path, required=True, help="a folder for the uploaded files")
    given = parser.parse_args()
    root = given.root.resolve()
    try:
        asyncio.run(run(Hub(root, port=given.port), root / "home"))
    except OSError as error:
        parser.error(f"port {given.port}: {error.strerror or error}")


if __name__ == "__main__":
    main()
