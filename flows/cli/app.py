"""What all commands share: the registry of commands, common options, and errors as exit codes.

Exit codes: 0 done; 1 the run stopped and can be resumed; 2 bad usage or configuration; 3 finished, with more
rejections than `run.max_rejected` allows; 4 budget reached; 130 interrupted by Ctrl-C; 143 by SIGTERM.

This module imports no command. A module of commands registers them on `app`; `flows.cli.commands` imports it when one
of its commands is called.
"""

from __future__ import annotations

import errno
import functools
import gc
import json
import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ParamSpec

import typer

from schemas.errors import (
    BudgetReached,
    ConfigError,
    Interrupted,
    PromptError,
    RunStopped,
    StorageFull,
    Terminated,
    is_storage_full,
)

if TYPE_CHECKING:  # it is slow to import, and `v2xum --help` does not need it
    from pydantic import BaseModel

    from schemas.configuration.config import CurateConfig

app = typer.Typer()
P = ParamSpec("P")
_MAKE_ROOM = "finished results are kept: make room and run the same command again"
_MEND = "finished results are kept: mend the cause and run the same command again"
_SHORT = (
    "the memory or the threads that this process may have are used up: see `ulimit -v`, `ulimit -u`, the container's "
    "limits and `v2xum doctor CONFIG`; run.shards_in_flight and run.decode_workers lower what a run needs"
)
WorkspaceArgument = Annotated[Path, typer.Argument(help="The folder that `v2xum curate` worked in.")]
RunFolderOption = Annotated[
    Path | None,
    typer.Option(
        "--workspace",
        help="The folder for what the run makes; default: the configuration's `workspace`, or data/runs/NAME.",
    ),
]
LimitOption = Annotated[int | None, typer.Option(min=1, help="Take only this many sources, from the first.")]
SetOption = Annotated[list[str] | None, typer.Option("--set", help="Override a key of the configuration: a.b=value.")]


def named_folder(text: str | Path) -> Path:
    """The folder that an option names. Raises BadParameter for an empty text, which as a path is where one stands."""
    if not str(text).strip():
        raise typer.BadParameter("name a folder; an empty text is none (`.` is the folder in which you are)")
    return Path(text)


JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document instead of text.")]


def guarded(command: Callable[P, None]) -> Callable[P, None]:
    """Wrap a command: the project's errors become a message on stderr and an exit code."""

    @functools.wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            command(*args, **kwargs)
            sys.stdout.flush()  # a full disk under a redirected output is heard of here
        except (typer.Exit, typer.Abort, typer.BadParameter):
            raise
        except (ConfigError, PromptError) as error:
            fail(str(error), 2)
        except Terminated as error:
            fail(str(error), 143)
        except Interrupted as error:
            fail(str(error), 130)
        except BudgetReached as error:
            fail(str(error), 4)
        except StorageFull as error:
            fail(f"{error}\n{_MAKE_ROOM}", 1)
        except RunStopped as error:
            fail(str(error), 1)
        except Exception as error:
            if isinstance(error, OSError) and error.errno == errno.EPIPE:
                raise  # `v2xum status | head`: click ends the command
            if trouble := _trouble(error):
                fail(trouble, 1)
            raise

    return run


def _trouble(error: Exception) -> str | None:
    """What to say of an error that is the machine's fault (memory, files, imports, the database); None for others."""
    from schemas.kit.blame import blame, causes, in_one_line, is_shortage
    from schemas.kit.file_trouble import file_trouble

    for link in causes(error):
        if told := file_trouble(link):
            of_a_file = getattr(link, "filename", None) is not None  # else the whole machine is short of something
            way = _MAKE_ROOM if is_storage_full(error) else "" if of_a_file else _MEND
            return f"{told}\n{way}".rstrip()
    if is_storage_full(error):
        return f"no space left for the workspace\n{_MAKE_ROOM}"
    if blame(error) == "video" and not isinstance(error, OSError):
        return None
    short = f"\n{_SHORT}" if is_shortage(error) else ""
    return f"{in_one_line(error)}{short}\n{_MEND}"


def collect_rarely() -> None:
    """Let Python search for unreachable cycles after 50,000 new objects instead of after 700.

    A caption set is hundreds of objects without a cycle; searching them took half the time of a push.
    """
    gc.set_threshold(50_000, 10, 10)


def fail(message: str, code: int) -> None:
    """Write a message to stderr and end the command. Raises typer.Exit with the code."""
    from schemas.safe_text import plain  # it loads all record classes, which `v2xum --help` does not need
    from schemas.secret_addresses import hide_secrets

    for line in hide_secrets(message).splitlines():
        indent = " " * (len(line) - len(line.lstrip(" ")))
        sys.stderr.write(f"v2xum: {indent}{plain(line, 2000)}\n")
    raise typer.Exit(code)


def note(message: str) -> None:
    """Write a message to stderr; the command goes on."""
    from schemas.safe_text import plain  # as in `fail`

    sys.stderr.write(f"v2xum: {plain(message, 2000)}\n")


def overrides(set_: list[str] | None, source: list[str] | None) -> list[str]:
    """What overrides the configuration: `--set`, and `--source`, which replaces its sources, also lost ones."""
    return [*(set_ or ()), *(["sources=[]"] if source else [])]


def run_folder(given: Path | None, config: CurateConfig) -> Path:
    """The folder of a run: the one of `--workspace`, else the configuration's `workspace`, else data/runs/NAME."""
    remembered = Path(config.workspace) if config.workspace else Path("data/runs") / config.name
    return (given if given is not None else remembered).resolve()


def shown_path(path: Path) -> str:
    """The path, relative to the working directory where it lies below that."""
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)


def typed_path(path: Path) -> str:
    """The path as a shell takes it in a command that a message proposes."""
    return shlex.quote(shown_path(path))


def print_json(document: BaseModel | dict[str, Any]) -> None:
    """Write one JSON document to stdout."""
    fields = document if isinstance(document, dict) else document.model_dump(mode="json")
    print_json_text(json.dumps(fields, ensure_ascii=False))


def print_json_text(text: str) -> None:
    """Write a JSON text to stdout; where that is not UTF-8, JSON's own escapes stand for all other characters."""
    if (sys.stdout.encoding or "").lower().replace("-", "") != "utf8":
        text = json.dumps(json.loads(text))
    sys.stdout.write(text + "\n")
