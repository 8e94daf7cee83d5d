"""Forwards connections: `python -m benchmarks.nodes.forward LISTEN TARGET [LISTEN TARGET ...]`.

Each is HOST:PORT or the path of a Unix socket. A server that listens on an address of one network namespace is not
there in another one; a Unix socket is.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import Sequence
from functools import partial


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(1 << 16):
            writer.write(data)
            await writer.drain()
    with contextlib.suppress(OSError):
        writer.close()


async def _forward(target: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        if target.startswith("/"):
            to_reader, to_writer = await asyncio.open_unix_connection(target)
        else:
            host, _, port = target.rpartition(":")
            to_reader, to_writer = await asyncio.open_connection(host, int(port))
    except OSError:  # it has not started yet, or it has ended
        writer.close()
        return
    await asyncio.gather(_copy(reader, to_writer), _copy(to_reader, writer))


async def _serve(pairs: Sequence[str]) -> None:
    for listen, target in zip(pairs[::2], pairs[1::2], strict=True):
        forward = partial(_forward, target)
        if listen.startswith("/"):
            await asyncio.start_unix_server(forward, listen)
        else:
            host, _, port = listen.rpartition(":")
            await asyncio.start_server(forward, host, int(port))
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_serve(sys.argv[1:]))
