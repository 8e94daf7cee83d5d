"""`v2xum list`: the videos of a workspace, where each stands, and why."""

from __future__ import annotations

import shutil
import sys
from typing import Annotated

import typer

from curation.pipeline.open import open_view
from curation.status.listing import ORDERS, Order, list_videos
from curation.status.selection import require_known
from curation.workspace import Workspace
from flows.cli.app import JsonOption, WorkspaceArgument, app, guarded, print_json
from flows.cli.start.choosing import ClassOption, ReasonOption, StageOption, StateOption, selection_of
from schemas.documents.status import ListedVideo, VideoList
from schemas.kit.number_of import number_of
from schemas.safe_text import plain

_LONGEST = 128
_MOST = 1_000  # columns of a line that no terminal cuts


@app.command("list")
@guarded
def list_command(
    workspace: WorkspaceArgument,
    ids: Annotated[list[str] | None, typer.Argument(help="Ids of videos; default: all that match the options.")] = None,
    state: StateOption = None,
    stage: StageOption = None,
    reason: ReasonOption = None,
    error_class: ClassOption = None,
    sort: Annotated[
        str,
        typer.Option(help="listed (as the sources name them), score (the worst audit first), title, state or id."),
    ] = "listed",
    limit: Annotated[int | None, typer.Option(min=1, help="Print only so many, from the first.")] = None,
    as_json: JsonOption = False,
) -> None:
    """List the videos of a workspace: id, where each stands and why, title and source.

    `v2xum retry`, `v2xum explain` and `v2xum review push` take the same options.
    """
    selection = selection_of(ids, state, stage, reason, error_class)
    require_known("--sort", [sort], ORDERS)
    order: Order = next(known for known in ORDERS if known == sort)
    with Workspace(workspace).require().to_read() as place, open_view(place) as view:
        found = list_videos(view, selection, order)
    if as_json:
        print_json(found.model_copy(update={"listed": found.listed[:limit]}))
    else:
        _print(found, limit)


def _print(found: VideoList, limit: int | None) -> None:
    """A line for each video; on a terminal as long as its width."""
    rows = found.listed[:limit]
    wide = max(shutil.get_terminal_size().columns, 40) if sys.stdout.isatty() else _MOST
    places = [_place(row) for row in rows]
    ids = [plain(row.id, _LONGEST) for row in rows]
    first, second = max(map(len, ids), default=0), max(map(len, places), default=0)
    for row, name, where in zip(rows, ids, places, strict=True):
        source = plain(row.source or "", 200)
        title = plain(row.title or "", 200)
        told = f"{title}  ({source})" if title and source and title != source else title or source
        line = f"{name:{first}}  {where:{second}}  {told}".rstrip()
        sys.stdout.write((line if len(line) <= wide else line[: wide - 1] + "…") + "\n")
    more = f", the first {len(rows)} of {len(found.listed)} that match" if len(rows) < len(found.listed) else ""
    sys.stdout.write(f"{len(found.listed)} of {number_of(found.videos, 'video')}{more}\n")


def _place(row: ListedVideo) -> str:
    """Where a video stands: its state, where and why it is out, or at which stage it is due; its worst score."""
    if row.reason is not None:
        told = f"{row.state} at {row.stage}: {row.reason}"
    else:
        told = f"{row.state} at {row.stage}" if row.stage is not None else row.state
    if row.score is not None:
        told += f"  {row.score.name} {row.score.value:g} (worst {row.score.share_as_bad:.0%})"
    return plain(told, _LONGEST)
