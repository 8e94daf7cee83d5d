"""The command `v2xum browse`: makes a page of a release, in which people search, filter and look at every sample."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from curation.workspace import Workspace
from flows.cli.app import JsonOption, app, guarded, named_folder, print_json, shown_path
from schemas.errors import ConfigError
from schemas.kit.number_of import number_of

if TYPE_CHECKING:  # heavy modules are imported by the command that needs them
    from curation.release.browse.make import Site


@app.command()
@guarded
def browse(
    workspace: Annotated[
        Path, typer.Argument(help="The folder that `v2xum curate` worked in, or the folder of a release.")
    ],
    out: Annotated[
        Path,
        typer.Option(
            "--out",
            parser=named_folder,
            metavar="PATH",
            help="The folder for the page: a new one, an empty one, or an earlier page.",
            show_default=False,
        ),
    ],
    version: Annotated[
        str | None, typer.Argument(help="The release's version, such as 0.1.0; not with the folder of a release.")
    ] = None,
    pictures: Annotated[
        bool, typer.Option("--pictures/--no-pictures", help="With or without the contact sheets.")
    ] = True,
    as_json: JsonOption = False,
) -> None:
    """Write a page of a release into DIR: search, filters and every sample, without a server."""
    from curation.release.browse.make import make_site

    release = _release(workspace, version)
    site = make_site(release, out, pictures=pictures)
    if as_json:
        print_json({"page": str(out / "index.html"), **site._asdict(), "folder": str(out)})
    else:
        _print(site)


def _release(workspace: Path, version: str | None) -> Path:
    """The folder of the release that is meant. Raises ConfigError."""
    from curation.release.versions import MANIFEST, find_release, released, releases_folder

    if version is not None:
        return find_release(Workspace(workspace).require(), version)
    if (workspace / MANIFEST).is_file():
        return workspace
    found = Workspace(workspace).find()
    if found is None:
        raise ConfigError(
            f"{workspace}: no release here (no {MANIFEST}), and no workspace. Name the folder of a release, or a "
            "workspace and a version"
        )
    there = ", ".join(map(str, released(releases_folder(found)))) or "none yet; `v2xum release` makes one"
    raise ConfigError(f"{found.root} is a workspace: name a version, too (there are: {there})")


def _print(site: Site) -> None:
    sys.stdout.write(
        f"page      {shown_path(site.folder / 'index.html')}\n"
        f"samples   {site.rows}\n"
        f"files     {site.files}, {site.bytes / 1e6:,.1f} MB\n"
    )
    if site.without_picture:
        sys.stdout.write(f"          {number_of(site.without_picture, 'sample')} without a contact sheet\n")
