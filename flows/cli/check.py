"""`v2xum check`: reads a dataset's folder as its users do, and names what is wrong with it."""

from __future__ import annotations

import sys
import threading
from pathlib import Path
from typing import Annotated

import typer

from curation.dataset.check import Checked, check_export
from curation.dataset.layout import MANIFEST, is_own
from curation.store.folder_swap import names
from curation.workspace import Workspace
from flows.cli.app import JsonOption, app, fail, guarded, note, print_json, shown_path
from schemas.documents.check import ExportCheck
from schemas.documents.consumers import ConsumerReport
from schemas.errors import ConfigError, Interrupted
from schemas.kit.number_of import number_of
from schemas.safe_text import plain, plain_line

_SHOWN = 50
_WAY_OUT = "copy it again from where it is whole; in a workspace, `v2xum export WORKSPACE` writes it anew"


@app.command()
@guarded
def check(
    folder: Annotated[
        Path,
        typer.Argument(
            metavar="DIR", help="An export, a release, a copy of one anywhere, or a workspace with an export."
        ),
    ],
    consumers: Annotated[
        bool,
        typer.Option(
            "--consumers",
            help="Of a release: also read it with datasets, pandas, polars, DuckDB, and compare what they find.",
        ),
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Check a dataset's folder (an export, a release, or a copy of one): every file by its SHA-256, every row."""
    place = _export_in(folder)
    found = check_export(place)
    # Without a manifest that can be read there is nothing to compare with, and the faults say so.
    report = _read_by_consumers(place) if consumers and found.samples is not None else None
    faults = [*found.problems, *(report.problems if report is not None else ())]
    sound = not faults
    if as_json:
        problems = tuple(plain_line(problem) for problem in faults)
        document = ExportCheck(
            folder=str(place),
            sound=sound,
            rows_read=found.rows_were_read,
            problems=problems,
            consumers=report,
            **{name: getattr(found, name) for name in ("samples", "files", "schema_version")},
        )
        print_json(document)
    elif sound:
        sys.stdout.write(_sound(place, found))
    if report is not None and not as_json:
        _print_consumers(report)
    if not sound:
        shown = faults[:_SHOWN]
        more = [f"and {len(faults) - _SHOWN} more"] if len(faults) > _SHOWN else []
        fail("\n".join([*(plain(problem, 500) for problem in shown), *more, f"{shown_path(place)}: {_WAY_OUT}"]), 1)


def _read_by_consumers(place: Path) -> ConsumerReport:
    """Read the release with every consumer; Ctrl-C and SIGTERM end it. Raises ConfigError where it is no release."""
    from curation.release.consumers.check import check_consumers
    from flows.local.signals import stoppable

    stop = threading.Event()

    def raise_if_stopped() -> None:
        if stop.is_set():
            raise Interrupted("stopped: nothing was changed")

    return stoppable(lambda: check_consumers(place, raise_if_stopped=raise_if_stopped), stop)


def _print_consumers(report: ConsumerReport) -> None:
    for each in report.consumers:
        what = f"{number_of(each.rows, 'row')} of {number_of(each.parts, 'split')}" if each.state == "read" else ""
        sys.stdout.write(f"{each.state:13}  {f'{each.name} {each.version}'.strip():34} {what}".rstrip() + "\n")
    for each in report.consumers:
        if each.way_out is not None:
            note(f"{each.name} is not installed, so nothing is known of it: {each.way_out}")


def _sound(place: Path, found: Checked) -> str:
    rows = "" if found.rows_were_read else f"; its rows are of schema version {found.schema_version} and were not read"
    held = f"{number_of(found.samples or 0, 'sample')}, {number_of(found.files, 'file')}"
    return f"sound: {held} in {shown_path(place)}{rows}\n"


def _export_in(folder: Path) -> Path:
    """The folder itself, or the export of the workspace in it. Raises ConfigError when it holds neither."""
    workspace = Workspace(folder).find()
    inner: tuple[Path, ...] = () if workspace is None else (workspace.export,)
    for place in (folder, folder / "export", *inner):
        if (place / MANIFEST).is_file():
            return place
    for place in (folder, folder / "export", *inner):
        if place.is_dir() and any(map(is_own, names(place))):
            return place  # an export that lost its manifest
    raise ConfigError(
        f"{folder}: no dataset here (a folder with {MANIFEST}, data/ and json/, as `v2xum export` writes)"
    )
