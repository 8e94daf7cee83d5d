"""The process of one consumer: reads every part of a plan with one library, and writes what it found into a folder.

It is started by `run.py`, without the user's configuration and without a network.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import json
import signal
import sys
from pathlib import Path
from typing import Any

from curation.release.consumers.answers import keep
from curation.release.consumers.plan import Part, ReadingPlan
from schemas.errors import is_storage_full
from schemas.kit.local_process import end_with_parent
from schemas.kit.utf8 import storable_text

FULL = 74  # the exit code when no space is left
ABOUT = "about.json"  # the version of the library, and what failed, by the number of the part
_NETWORK = ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto")
_LONGEST = 400


def main(module: str, package: str, plan_file: str, out: str, configurations: str) -> int:
    """Read the parts of a plan that are of these `configurations`: names with commas between them, `*` for all.

    A reader may also have `whole`, which looks at the release as a whole and says what is wrong with it.

    Returns the exit code: 0, also where a part could not be read, or FULL.
    """
    end_with_parent(signal.SIGKILL)
    sys.addaudithook(_refuse_network)
    plan = ReadingPlan.model_validate_json(Path(plan_file).read_bytes())
    about: dict[str, Any] = {"version": _version(package), "failed": {}}
    reader = importlib.import_module(module)
    about["faults"] = [storable_text(fault) for fault in getattr(reader, "whole", _no_faults)(plan)]
    for number, part in enumerate(plan.parts):
        if configurations != "*" and part.configuration not in configurations.split(","):
            continue
        try:
            keep(reader.read(plan, part), Path(out), number)
        except Exception as error:  # noqa: BLE001 - any error of a library is what the user of it would meet
            if is_storage_full(error):
                return FULL
            about["failed"][number] = in_words(error)
        for fault in getattr(reader, "faults", _no_faults)(part):
            about["faults"].append(storable_text(fault))
    (Path(out) / ABOUT).write_text(json.dumps(about), encoding="utf-8")
    return 0


def in_words(error: BaseException) -> str:
    """An error and its first cause as one line."""
    told = f"{type(error).__name__}: {error}"
    if (cause := error.__cause__ or error.__context__) is not None:
        told += f" (from {type(cause).__name__}: {cause})"
    line = " ".join(storable_text(told).split())
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 1]}…"


def _no_faults(_of: Part | ReadingPlan) -> list[str]:
    """The default: a reader finds nothing beyond what it reads."""
    return []


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return ""


def _refuse_network(event: str, arguments: tuple[Any, ...]) -> None:
    if event in _NETWORK and not _is_local(event, arguments):
        raise PermissionError(f"a reader of a local release must not use the network ({event})")


def _is_local(event: str, arguments: tuple[Any, ...]) -> bool:
    """Whether a socket connects to a path of this machine."""
    return event == "socket.connect" and isinstance(arguments[1], str | bytes)
