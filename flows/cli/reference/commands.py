"""The page of all commands, from the command line's own parser."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from flows.cli.commands import COMMANDS, load_command
from flows.cli.reference.markdown import code, page, sentence, table


def render() -> str:
    """The page: a section for every command, with its arguments and options."""
    overview = table(
        ("Command", "What it does"), ((f"[`{name}`](#{_anchor(name)})", entry.help) for name, entry in COMMANDS.items())
    )
    about = (
        "`v2xum --help` lists the commands, `v2xum COMMAND --help` shows one. The workspace comes first, ids after it. "
        "[Exit codes and environment](exit-codes.md)."
    )
    sections = (section for name in COMMANDS for section in _sections(load_command(name), name))
    return page("Commands", about, overview, *sections)


def commands() -> Iterator[str]:
    """The names of all commands, also of those in groups: `review push`."""
    for name in COMMANDS:
        yield from (path for path, _ in _walk(load_command(name), name))


def _walk(command: Any, path: str) -> Iterator[tuple[str, Any]]:
    yield path, command
    for name, inner in getattr(command, "commands", {}).items():
        yield from _walk(inner, f"{path} {name}")


def _sections(command: Any, name: str) -> Iterator[str]:
    for path, each in _walk(command, name):
        yield f"## v2xum {path}"
        yield sentence(each.help)
        shown = [parameter for parameter in each.params if not getattr(parameter, "hidden", False)]
        usage = " ".join(["v2xum", path, *(_usage(parameter) for parameter in shown if _is_argument(parameter))])
        options = [parameter for parameter in shown if not _is_argument(parameter) and parameter.name != "help"]
        if not getattr(each, "commands", None):
            yield f"```text\n{usage}{' [OPTIONS]' if options else ''}\n```"
        if rows := [_row(parameter) for parameter in shown if parameter.name != "help"]:
            yield table(("Argument", "Value", "Default", "Meaning"), rows)


def _is_argument(parameter: Any) -> bool:
    return str(parameter.param_type_name) == "argument"


def _usage(argument: Any) -> str:
    name = argument.metavar or argument.name.upper()
    name = f"{name}..." if argument.nargs == -1 and not name.endswith("...") else name
    return name if argument.required or name.startswith("[") else f"[{name}]"


def _row(parameter: Any) -> tuple[str, str, str, str]:
    if _is_argument(parameter):
        name = code(parameter.metavar or parameter.name.upper())
    else:
        name = ", ".join(code(each) for each in (*parameter.opts, *parameter.secondary_opts))
    kind = "" if getattr(parameter, "is_flag", False) else _kind(parameter)
    return name, kind, _default(parameter), sentence(getattr(parameter, "help", ""))


def _kind(parameter: Any) -> str:
    kind = parameter.type_descriptor.annotation
    several = get_origin(kind) is list
    kind = get_args(kind)[0] if several else kind
    if get_origin(kind) is Literal or (inspect.isclass(kind) and issubclass(kind, Enum)):
        choices = get_args(kind) or [each.value for each in kind]
        found = " or ".join(code(str(choice)) for choice in choices)
    else:
        found = {Path: "path", int: "integer", float: "number"}.get(kind, "text")
    return f"{found}, several" if several else found


def _default(parameter: Any) -> str:
    value = parameter.default
    if parameter.required:
        return "required"
    return "" if value in (None, (), [], "", False) or callable(value) else code(str(getattr(value, "value", value)))


def _anchor(name: str) -> str:
    return f"v2xum-{name.replace(' ', '-')}"
