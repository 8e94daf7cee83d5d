"""The command `v2xum media`: puts the videos of a release where the formats of trainers look for them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from curation.workspace import Workspace
from flows.cli.app import JsonOption, WorkspaceArgument, app, fail, guarded, print_json, shown_path
from schemas.kit.number_of import number_of
from schemas.safe_text import plain

_SHOWN = 20


@app.command()
@guarded
def media(
    workspace: WorkspaceArgument,
    version: Annotated[str, typer.Argument(help="The version of one of its releases.")],
    out: Annotated[Path, typer.Option(help="The folder for the videos.")],
    as_json: JsonOption = False,
) -> None:
    """Copy the videos of a release into a folder, under the names that the formats of trainers use."""
    from curation.release.formats.media import fill_media
    from curation.release.versions import find_release

    place = Workspace(workspace).require()
    filled = fill_media(place.store(), find_release(place, version), out)
    if as_json:
        print_json({"folder": str(out), **filled._asdict()})
    else:
        sys.stdout.write(f"{shown_path(out)} holds {number_of(filled.held, 'video')}, {filled.before} from before\n")
    if filled.missing:
        more = [f"and {len(filled.missing) - _SHOWN} more"] if len(filled.missing) > _SHOWN else []
        lines = [f"{number_of(len(filled.missing), 'video')} of the release are not in the store:"]
        lines += [plain(each, 300) for each in filled.missing[:_SHOWN]]
        fail("\n".join([*lines, *more, "`v2xum curate` fetches lost files again"]), 1)
