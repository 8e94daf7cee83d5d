"""The commands that keep a workspace's ledger: backup, repair."""

from __future__ import annotations

import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from curation.workspace import Workspace
from flows.cli.app import JsonOption, WorkspaceArgument, app, guarded, print_json, shown_path, typed_path
from schemas.errors import ConfigError
from schemas.kit.number_of import number_of
from schemas.safe_text import plain

if TYPE_CHECKING:  # each command imports its own
    from curation.ledger.recovery.found import Repaired


@app.command()
@guarded
def backup(
    workspace: WorkspaceArgument,
    file: Annotated[
        Path | None, typer.Argument(help="Where to write it; default: WORKSPACE/backup/ledger.sqlite.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Write the ledger into one file, also while a run goes on; it is checked before it replaces an older one.

    Videos, pictures and exports are not in it, nor are the secrets in WORKSPACE/review: copy those yourself.
    """
    from curation.ledger.recovery.backup import back_up

    place = Workspace(workspace).require()
    made = back_up(place.root, file)
    secrets = [path for path in (place.root / "review").glob("*.key") if path.is_file()]
    if as_json:
        print_json({**made._asdict(), "file": str(made.file), "secrets": [str(path) for path in secrets]})
        return
    sys.stdout.write(f"{shown_path(made.file)}   {made.size:,} bytes: {_counted(made.rows)}\n")
    for path in secrets:
        sys.stdout.write(f"not in it, because it is secret: {plain(shown_path(path), 1000)}\n")


@app.command()
@guarded
def repair(
    workspace: WorkspaceArgument,
    source: Annotated[
        Path | None,
        typer.Option("--from", help="The backup to take lost rows from; default: WORKSPACE/backup/ledger.sqlite."),
    ] = None,
    accept: Annotated[
        bool, typer.Option("--accept", help="Repair nothing: take the ledger as it is, even if it is older or empty.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Make a damaged ledger whole: keep what is right, add what the last backup has, and say what was lost.

    The old files are kept in WORKSPACE/ledger.damaged-1 and so on. The next `v2xum curate` makes again what is missing.
    """
    from curation.ledger.databases import open_ledger
    from curation.ledger.properties import INCOMPLETE, PSEUDONYMS
    from curation.ledger.recovery.repair import repair as repair_ledger

    place = Workspace(workspace)
    if not (place.root / "config.json").is_file():  # a workspace that lost its ledger still has this
        place = place.require()
    if accept and source is not None:
        raise ConfigError("give --accept or --from, not both")
    with place.lock():
        if accept:
            with closing(open_ledger(place.root, accept=True, fence=place.claim)) as ledger:
                ledger.replace_property(PSEUDONYMS, "")
                ledger.replace_property(INCOMPLETE, "yes")  # a backup that is found later may add what is missing
                found = sum(1 for _ in ledger.sources())
            if as_json:
                print_json({"accepted": True, "videos": found})
            else:
                videos = number_of(found, "video")
                sys.stdout.write(f"the ledger of {shown_path(place.root)} is taken as it is, with {videos}\n")
            return
        repaired = repair_ledger(place.root, source, place.claim)
    if as_json:
        print_json(_document(repaired))
    else:
        _print(place.root, repaired, source)


def _document(repaired: Repaired) -> dict[str, object]:
    paths = {"backup": repaired.backup, "kept_in": repaired.kept_in}
    return {**repaired._asdict(), **{name: None if path is None else str(path) for name, path in paths.items()}}


def _print(root: Path, repaired: Repaired, source: Path | None) -> None:
    if repaired.sound:
        sys.stdout.write(f"the ledger is sound: {_counted(repaired.kept)}\n")
        for loss in repaired.lost:
            sys.stdout.write(f"lost       {plain(loss, 2000)}\n")
        if source is not None:
            sys.stdout.write(
                f"nothing was taken from {plain(shown_path(source), 1000)}, since no row is known to be lost. To go "
                f"back to it all the same, move {shown_path(root / 'ledger.sqlite')} away and repeat the command\n"
            )
        return
    sys.stdout.write(f"kept       {_counted(repaired.kept)}\n")
    if repaired.added:
        sys.stdout.write(f"added      {_counted(repaired.added)}, from {plain(str(repaired.backup), 1000)}\n")
    for damage in repaired.restored:
        sys.stdout.write(f"made good  {plain(damage, 2000)}\n")
    for loss in repaired.lost:
        sys.stdout.write(f"lost       {plain(loss, 2000)}\n")
    if repaired.kept_in is not None:
        sys.stdout.write(f"old files  {plain(shown_path(repaired.kept_in), 1000)}\n")
    sys.stdout.write(f"next       `v2xum curate CONFIG --workspace {typed_path(root)}` makes again what is missing\n")


def _counted(rows: dict[str, int]) -> str:
    names = {"sources": "source", "results": "result", "replies": "reply", "verdicts": "verdict"}
    shown = [(rows[name], noun) for name, noun in names.items() if rows.get(name)]
    return ", ".join(number_of(count, noun) for count, noun in shown) or "no rows"
