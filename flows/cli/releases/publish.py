"""The command `v2xum publish`: sends a release to the Hugging Face Hub or to a store, whole or not at all."""

from __future__ import annotations

import sys
import threading
from typing import TYPE_CHECKING, Annotated

import typer

from curation.workspace import Workspace
from flows.cli.app import JsonOption, WorkspaceArgument, app, guarded, note, print_json
from schemas.kit.number_of import number_of

if TYPE_CHECKING:  # heavy modules are imported by the command that needs them
    from schemas.documents.publication import Publication

_STATES = {"published": "published", "already": "published already, nothing was sent", "would": "would be published"}
_SHOWN = 5


@app.command()
@guarded
def publish(
    workspace: WorkspaceArgument,
    version: Annotated[str, typer.Argument(help="The release that `v2xum release` wrote, such as 0.1.0.")],
    repo: Annotated[
        str,
        typer.Argument(
            help="OWNER/NAME of a dataset on the Hugging Face Hub, or an address such as s3://bucket/films."
        ),
    ],
    private: Annotated[bool, typer.Option("--private", help="Let only the owners of the new dataset see it.")] = False,
    gated: Annotated[
        bool, typer.Option("--gated", help="Let only those load the new dataset who give their name and address first.")
    ] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace what somebody changed by hand since the last release.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be sent, and send nothing.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Publish a release to the Hugging Face Hub or to a store: readers see the last release or this one, whole."""
    from curation.release.publish.publish import publish_release
    from curation.release.publish.steps import Steps, Wishes
    from flows.local.signals import stoppable

    place = Workspace(workspace).require()
    wishes = Wishes(private, gated, overwrite, dry_run)
    stop = threading.Event()
    done = stoppable(lambda: publish_release(place, version, repo, wishes, Steps(note, stop)), stop)
    if as_json:
        print_json(done)
    else:
        _print(done)


def _print(done: Publication) -> None:
    lines = [
        f"{_STATES[done.state]}",
        f"address   {done.address}{' (a new dataset)' if done.new_repository else ''}",
        f"release   {done.version}: {number_of(done.files, 'file')}, {done.bytes / 1e6:,.1f} MB",
    ]
    if done.state != "already":
        sent = "to send" if done.state == "would" else "sent"
        lines.append(
            f"{sent:9} {number_of(done.sent_files, 'file')}, {done.sent_bytes / 1e6:,.1f} MB before deduplication"
        )
    for word, paths in (("removed", done.removed), ("kept", done.kept)):
        if paths:
            more = f" and {len(paths) - _SHOWN} more" if len(paths) > _SHOWN else ""
            lines.append(f"{word:9} {', '.join(paths[:_SHOWN])}{more}")
    if done.commit is not None:
        lines.append(f"tag       {done.tag}, commit {done.commit[:12]}")
    sys.stdout.write("\n".join(lines) + "\n")
