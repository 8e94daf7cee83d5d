"""Fuzzes every parser for a while, each in a child with limits, and prints a line of JSON for each.

    python -m benchmarks fuzzing [--only TEXT] [--seconds S] [--first N]     all parsers, S seconds of CPU time each
    python -m benchmarks fuzzing --only NAME --example N                     one example again, with its traceback

A crash is an error or a warning that the parser does not promise, an example that takes more than 20 s, or more memory
than 2 GiB.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import resource
import signal
import sys
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Callable
from multiprocessing.connection import Connection
from types import FrameType

from benchmarks.fuzzing.all import PARSERS
from benchmarks.fuzzing.parser import Crash, Parser, example, try_out
from benchmarks.processes import peak_memory

MOST_SECONDS, MOST_MEMORY = 20, 2 * 2**30


class TooSlow(Exception):
    """An example took longer than MOST_SECONDS."""


def main() -> None:
    """Fuzz what the arguments name; ends with status 1 where a parser broke its contract."""
    asked = argparse.ArgumentParser(prog="python -m benchmarks fuzzing", description=__doc__.split("\n")[0])
    asked.add_argument("--only", default="", help="parsers whose name has this text")
    asked.add_argument("--seconds", type=float, default=8.0, help="CPU time of each parser")
    asked.add_argument("--first", type=int, default=0, help="the number of the first example")
    asked.add_argument("--example", type=int, help="try out this example alone")
    asked.add_argument("--json", action="store_true", help=argparse.SUPPRESS)
    given = asked.parse_args()
    chosen = [name for name in PARSERS if given.only in name]
    if given.example is not None:
        for name in chosen:
            parser = PARSERS[name]
            print(name, try_out(parser, example(parser, given.example)) or "a value")
    else:
        broken = [name for name in chosen if not _in_child(name, given.seconds, given.first)]
        sys.exit(bool(broken))


def fuzz(parser: Parser, seconds: float, first: int, begin: Callable[[int], object]) -> dict[str, object]:
    """Try out examples from the number `first` on for so much CPU time, and count what happens.

    `begin` is told the number of each example before it is read.
    """
    signal.signal(signal.SIGVTALRM, _too_slow)
    warnings.simplefilter("error")  # a warning of a library is no message of ours
    errors: Counter[str] = Counter()
    crashes: dict[str, dict[str, object]] = {}
    start, slowest, number = time.process_time(), (0.0, -1), first
    before = peak_memory()
    limit = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (_address_space() + MOST_MEMORY, limit[1]))
    while time.process_time() - start < seconds:
        data, began = example(parser, number), time.process_time()
        begin(number)
        signal.setitimer(signal.ITIMER_VIRTUAL, MOST_SECONDS)
        try:
            errors[try_out(parser, data) or ""] += 1
        except Crash as crash:
            where = traceback.extract_tb(crash.__cause__.__traceback__)[-1] if crash.__cause__ else None
            told = f"{type(crash.__cause__).__name__} at {where.name if where else '?'}"
            crashes.setdefault(told, {"example": number, "says": str(crash.__cause__)[:200], "times": 0})
            crashes[told]["times"] = int(str(crashes[told]["times"])) + 1
        finally:
            signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        slowest = max(slowest, (time.process_time() - began, number))
        number += 1
    return {
        "parser": parser.name, "examples": number - first, "values": errors.pop("", 0), "errors": dict(errors),
        "seconds": round(time.process_time() - start, 1), "slowest_ms": round(1000 * slowest[0]), "slowest": slowest[1],
        "grown_mb": round(peak_memory() - before), "crashes": crashes,
    }  # fmt: skip


def _too_slow(_signal: int, _frame: FrameType | None) -> None:
    raise TooSlow


def _address_space() -> int:
    with open("/proc/self/statm", encoding="ascii") as file:  # noqa: PTH123
        return int(file.read().split()[0]) * resource.getpagesize()


def _in_child(name: str, seconds: float, first: int) -> bool:
    """Fuzz a parser in a process of its own, which native code may end, and print its line. Whether nothing crashed."""
    forks = multiprocessing.get_context("fork")  # the parsers and their seeds are there already
    ours, theirs = forks.Pipe(duplex=False)
    child = forks.Process(target=_send, args=(theirs, name, seconds, first), daemon=True)
    child.start()
    theirs.close()
    line, last = None, first
    try:
        while line is None and ours.poll(60 + 10 * seconds):
            said = ours.recv()
            line, last = (said, last) if isinstance(said, dict) else (None, said)
    except EOFError:
        pass
    child.kill()
    child.join()
    if line is None:
        told = f"the process ended with {child.exitcode}"
        line = {"parser": name, "crashes": {told: {"example": last, "says": "", "times": 1}}}
    print(json.dumps(line), flush=True)
    return not line["crashes"]


def _send(pipe: Connection, name: str, seconds: float, first: int) -> None:
    pipe.send(fuzz(PARSERS[name], seconds, first, pipe.send))


if __name__ == "__main__":
    main()
