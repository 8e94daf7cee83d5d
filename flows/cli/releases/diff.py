"""The command `v2xum diff`: which rows came, went and changed between two releases, and why."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from curation.workspace import Workspace
from flows.cli.app import JsonOption, app, guarded, named_folder, note, print_json, shown_path
from schemas.errors import ConfigError


@app.command()
@guarded
def diff(
    workspace: Annotated[
        Path, typer.Argument(help="The workspace of the releases; or the folder of the first release.")
    ],
    v1: Annotated[str, typer.Argument(help="The version to compare with, such as 0.1.0; or the second folder.")],
    v2: Annotated[str | None, typer.Argument(help="The version that is compared; left out with two folders.")] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            parser=named_folder,
            metavar="PATH",
            help="Also write a page (diff.html) and the JSON (diff.json) into this folder.",
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Say which rows came, went and changed between two releases, each with its cause."""
    from curation.release.diff.compare import compare_folders
    from curation.release.diff.text import terminal_lines
    from curation.release.versions import raise_if_in_a_release

    before, after = _folders(workspace, v1, v2)
    if out is not None:
        for release in (before, after):
            raise_if_in_a_release(out, release)
    compared = compare_folders(before, after)
    if out is not None:
        from curation.release.diff.write import write_pages

        note(f"page: {shown_path(write_pages(compared, out))}")
    if as_json:
        print_json(compared.diff)
    else:
        sys.stdout.write("\n".join(terminal_lines(compared.diff)) + "\n")


def _folders(workspace: Path, v1: str, v2: str | None) -> tuple[Path, Path]:
    """The two releases' folders: of a workspace by their versions, or as they are named. Raises ConfigError."""
    from curation.release.diff.opened import read_manifest
    from curation.release.versions import MANIFEST, find_release

    if v2 is None:
        if not (workspace / MANIFEST).is_file() and Workspace(workspace).find() is not None:
            raise ConfigError(f"give two versions: v2xum diff {workspace} {v1} VERSION")
        return workspace, Path(v1)
    place = Workspace(workspace).require()
    found = find_release(place, v1), find_release(place, v2)
    for folder in found:
        if (stated := read_manifest(folder).version) != folder.name:
            raise ConfigError(f"{folder} says that it is version {stated}: its folder was renamed; name it as it was")
    return found
