"""Runs the stack until Ctrl-C, or for one scheduled curation with review and release: `make stack`, `make stack-run`.

    python -m benchmarks stack [--folder data/runs/stack] [--run] [--videos 8] [--picture FILE]

Addresses are printed; passwords lie in FOLDER/passwords.env, for a shell: `. data/runs/stack/passwords.env`. What a
stack holds is gone when it ends. `--run` prints one line of JSON last; exit code 1 when a check failed.
"""

from __future__ import annotations

import argparse
import json
import shutil
import signal
import sys
import time
from pathlib import Path
from types import FrameType

from benchmarks.nodes.machines import why_not
from benchmarks.stack.secrets_file import FILE
from benchmarks.stack.stack import Stack, stack
from schemas.errors import ConfigError, V2XumError
from schemas.repository import KEPT

_MARK = ".v2xum-stack"
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def main() -> None:
    """Run the stack."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks stack", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--folder", type=Path, default=KEPT / "stack", help="for all files; emptied at the start")
    parser.add_argument("--run", action="store_true", help="curate on a schedule, review and release; then end")
    parser.add_argument("--videos", type=int, default=8, help="good videos of the demo's site, with --run")
    parser.add_argument("--picture", type=Path, help="with --run: write a picture of Prefect's page of the run there")
    options = parser.parse_args()
    if (reason := why_not()) is not None:
        sys.exit(reason)
    for number in _SIGNALS:
        signal.signal(number, _interrupt)
    found = None
    try:
        folder = prepared(options.folder.absolute())
        with stack(folder, _say) as running:
            _print_addresses(running)
            if options.run:
                from benchmarks.stack.nightly import nightly  # with Chromium's client, which few need

                found = nightly(running, options.videos, options.picture, _say)
            while not options.run:
                time.sleep(1.0)
                running.check()
    except KeyboardInterrupt:
        _say("the stack has ended")
        sys.exit(130 if options.run else 0)
    except (V2XumError, AssertionError) as error:
        sys.exit(str(error))
    if found is not None:
        print(json.dumps(found))
        sys.exit(0 if found["ok"] else 1)


def prepared(folder: Path) -> Path:
    """The folder, empty. Raises ConfigError where it has files that no earlier stack made."""
    if folder.exists() and any(folder.iterdir()) and not (folder / _MARK).exists():
        raise ConfigError(f"{folder} is not empty, and no earlier stack made it: give another --folder")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700, parents=True)
    (folder / _MARK).touch()
    return folder


def _print_addresses(running: Stack) -> None:
    _say(f"Prefect        {running.at['prefect']}")
    _say(f"Label Studio   {running.at['label_studio']}")
    _say(f"passwords      {running.folder / FILE}")
    _say(f"logs           {running.folder / 'logs'}")
    _say("Ctrl-C ends all of it.")


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    for each in _SIGNALS:
        signal.signal(each, signal.SIG_IGN)  # a second one must not cut the end short
    raise KeyboardInterrupt


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
