"""The commands of `v2xum` by name: which modules define each, and its line in `v2xum --help`.

A command's modules are imported when the command is called, so that `v2xum --help` imports none of them and every
command imports only its own. A test compares the lines here with the docstrings of the commands.
"""

from __future__ import annotations

import importlib
import sys
from typing import Annotated, Any, NamedTuple

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_group

from flows.cli.app import app, collect_rarely


class Entry(NamedTuple):
    """A command or a group of commands: the modules of flows/cli that register it, and its help in the list."""

    modules: tuple[str, ...]
    help: str


COMMANDS = {  # in the order in which the help shows them
    "init": Entry(
        ("start.init",),
        "Write a commented configuration into DIR: it looks for GPUs and servers, and asks what you did not say.",
    ),
    "schema": Entry(
        ("start.schema",),
        "Print the JSON Schema of the configuration, with which editors complete keys and explain them.",
    ),
    "curate": Entry(
        ("workspace",),
        "Turn the videos of the sources into an exported dataset; run it again to continue where it stopped.",
    ),
    "stop": Entry(
        ("start.stop",),
        "Ask the `v2xum curate` of a workspace to stop at a safe point, as Ctrl-C does, and wait until it has ended.",
    ),
    "status": Entry(
        ("workspace",),
        "Show the progress of a run and who works on it: every video is a sample, rejected, retryable or pending.",
    ),
    "list": Entry(
        ("start.list_videos",), "List the videos of a workspace: id, where each stands and why, title and source."
    ),
    "open": Entry(
        ("start.open_pages",),
        "Serve report, browse pages and evaluations of a workspace on this machine, until Ctrl-C.",
    ),
    "explain": Entry(
        ("workspace",),
        "Show everything about one video: origin, hashes, timestamps, prompts, models, tokens, attempts, rejections.",
    ),
    "retry": Entry(("workspace",), "Forget rejections, so that the next `v2xum curate` tries those videos again."),
    "export": Entry(
        ("workspace",), "Write WORKSPACE/export again from the finished videos, where it is out of date or damaged."
    ),
    "release": Entry(
        ("release",),
        "Write WORKSPACE/releases/VERSION from the finished videos: a dataset folder that never changes again.",
    ),
    "refresh": Entry(
        ("refresh",), "Recheck published videos, take in new sources and opt-outs, and propose the next version."
    ),
    "media": Entry(
        ("release",), "Copy the videos of a release into a folder, under the names that the formats of trainers use."
    ),
    "browse": Entry(
        ("releases.browse",), "Write a page of a release into DIR: search, filters and every sample, without a server."
    ),
    "diff": Entry(
        ("releases.diff",), "Say which rows came, went and changed between two releases, each with its cause."
    ),
    "publish": Entry(
        ("releases.publish",),
        "Publish a release to the Hugging Face Hub or to a store: readers see the last release or this one, whole.",
    ),
    "check": Entry(
        ("check",),
        "Check a dataset's folder (an export, a release, or a copy of one): every file by its SHA-256, every row.",
    ),
    "reconstruct": Entry(
        ("releases.reconstruct",),
        "Download the videos of a release again, verify each by its hash or say what it is, and compare its frames.",
    ),
    "backup": Entry(
        ("ledger",),
        "Write the ledger into one file, also while a run goes on; it is checked before it replaces an older one.",
    ),
    "repair": Entry(
        ("ledger",),
        "Make a damaged ledger whole: keep what is right, add what the last backup has, and say what was lost.",
    ),
    "plan": Entry(
        ("plan",),
        "Curate some videos and estimate tokens, hours, disk and money for all; `v2xum curate` continues from there.",
    ),
    "report": Entry(
        ("report",),
        "Write WORKSPACE/report/report.html and summary.json again; throughput is that of the last `v2xum curate`.",
    ),
    "serve": Entry(
        ("servers",),
        "Print (or run) the command that starts the server of a configured captioner or language model.",
    ),
    "cluster": Entry(
        ("start.cluster",), "Print what to run on every node, so that they curate together; nothing is started."
    ),
    "deploy": Entry(
        ("start.deploy",),
        "Set up deployments, limits and automations on the Prefect server at PREFECT_API_URL; twice changes nothing.",
    ),
    "doctor": Entry(
        ("servers",),
        "Check what a run needs (decoder, tools, disk, memory, models, servers), and print a fix for each fault.",
    ),
    "bench": Entry(
        ("bench",),
        "Measure speed against a named baseline in the same minutes. It takes minutes; ratios count, not seconds.",
    ),
    "review": Entry(("review", "review_listen"), "Have people verify the samples in Label Studio."),
    "train": Entry(
        ("releases.train",),
        "Train a summarizer on a release, evaluate it on the test split, and write its checkpoint and card into OUT.",
    ),
    "summarize": Entry(
        ("releases.summarize",),
        "Summarize one video with a trained checkpoint: keyframes, text, both on a time line, and a short film.",
    ),
    "evaluate": Entry(("evaluate",), "Score summaries against references, with intervals and baselines."),
}


class _LazyGroup(TyperGroup):
    """Lists all commands by the table, and imports the one that is called."""

    def __init__(self, **settings: Any) -> None:
        """Fill the list with commands that have a name and a help text only."""
        super().__init__(**settings)
        self.commands = {name: TyperCommand(name, help=entry.help) for name, entry in COMMANDS.items()}

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The command that the first argument names, imported, and the other arguments."""
        name, _, rest = super().resolve_command(ctx, args)
        return name, None if name is None else load_command(name), rest


def load_command(name: str) -> TyperCommand | TyperGroup:
    """Import a command of the table; the module registers it. Raises KeyError for a name that is not in the table."""
    collect_rarely()  # before the imports, which make many objects too
    for module in COMMANDS[name].modules:
        importlib.import_module(f"flows.cli.{module}")
    command = get_group(app).commands[name]
    assert isinstance(command, TyperCommand | TyperGroup)
    return command


application = typer.Typer(cls=_LazyGroup, no_args_is_help=True, add_completion=True, pretty_exceptions_enable=False)


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        sys.stdout.write(f"v2xum-curator {version('v2xum-curator')}\n")
        raise typer.Exit


@application.callback()
def v2xum(
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_print_version, help="Print the version and end.")
    ] = False,
) -> None:
    """Turn videos into a verified Instruct-V2Xum-style dataset."""
