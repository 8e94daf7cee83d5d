"""The command `v2xum reconstruct`: makes the videos and frames of a release again, from its folder alone."""

from __future__ import annotations

import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from flows.cli.app import JsonOption, app, fail, guarded, named_folder, print_json, shown_path
from schemas.errors import Interrupted
from schemas.kit.number_of import number_of

if TYPE_CHECKING:  # heavy modules are imported by the command that needs them
    from curation.release.reconstruct.run import Progress
    from schemas.documents.reconstruction import FrameComparison, ReconstructionReport

_EVERY_SECONDS = 10.0


@app.command()
@guarded
def reconstruct(
    release: Annotated[Path, typer.Argument(metavar="RELEASE", help="The folder of a release, or a copy of one.")],
    out: Annotated[
        Path,
        typer.Option(
            parser=named_folder,
            metavar="PATH",
            help="The folder for videos, frames and the report; a new one, or one to go on in.",
        ),
    ],
    limit: Annotated[int | None, typer.Option(min=1, help="Take only this many rows, from the first.")] = None,
    again: Annotated[
        bool,
        typer.Option("--again", help="Also try rows again whose video was gone, withheld, refused or another one."),
    ] = False,
    keep: Annotated[
        Literal["keyframes", "all", "none"],
        typer.Option(help="Which frames to keep; more than before are made of the videos there."),
    ] = "keyframes",
    pace: Annotated[
        float, typer.Option(min=0, help="Seconds between the beginnings of two downloads from one host.")
    ] = 1.0,
    workers: Annotated[int, typer.Option(min=1, max=64, help="Videos at the same time.")] = 2,
    max_megabytes: Annotated[float, typer.Option(min=1, help="The largest file that is fetched, in MB.")] = 2000,
    allow_private_addresses: Annotated[
        bool,
        typer.Option("--allow-private-addresses", help="Also fetch from this machine and private networks."),
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Download the videos of a release again, verify each by its hash or say what it is, and compare its frames."""
    from curation.release.reconstruct.run import ROWS, Request, reconstruct
    from flows.local.signals import stoppable

    stop = threading.Event()

    def raise_if_stopped() -> None:
        if stop.is_set():
            raise Interrupted("stopped at a safe point; the same command goes on from here")

    request = Request(
        limit=limit,
        again=again,
        workers=workers,
        pace=pace,
        keep=keep,
        max_megabytes=max_megabytes,
        allow_private_addresses=allow_private_addresses,
    )
    report = stoppable(lambda: reconstruct(release, out, request, raise_if_stopped, _Lines().show), stop)
    if as_json:
        print_json(report)
    else:
        _print(report, out, ROWS)
    if failed := report.states.get("failed", 0):
        fail(f"{number_of(failed, 'row')} failed and may succeed later: the same command tries them again", 1)


class _Lines:
    """Lines on stderr that say how far it is, one every ten seconds."""

    def __init__(self) -> None:
        self._next = time.monotonic() + _EVERY_SECONDS

    def show(self, progress: Progress) -> None:
        """Write a line, if it is time for one."""
        if time.monotonic() < self._next:
            return
        self._next = time.monotonic() + _EVERY_SECONDS
        states = ", ".join(f"{state} {count}" for state, count in progress.states.items())
        sys.stderr.write(f"progress: {progress.done:,} of {number_of(progress.rows, 'row')}: {states}\n")


def _print(report: ReconstructionReport, out: Path, rows: str) -> None:
    sys.stdout.write(f"release      {report.name} {report.version}, {number_of(report.rows, 'row')}\n")
    for state, count in report.states.items():
        sys.stdout.write(f"  {state:11}{count:>8,}  {count / max(report.rows, 1):7.1%}\n")
    for name, found in (("frames", report.frames), ("keyframes", report.keyframes)):
        sys.stdout.write(f"{name:13}{_in_words(found)}\n")
    assumed = " (assumed: the release does not say how they were made)" if report.settings_assumed else ""
    sys.stdout.write(f"made by      {report.settings.backend} at {report.settings.fps:g} fps{assumed}\n")
    sys.stdout.write(f"videos       {report.bytes / 1e6:,.1f} MB in {shown_path(out)}\n")
    sys.stdout.write(f"row by row   {shown_path(out / rows)}\n")


def _in_words(found: FrameComparison) -> str:
    counts = ((found.equal, "equal"), (found.alike, "alike"), (found.unlike, "unlike"), (found.missing, "missing"))
    told = ", ".join(f"{count:,} {word}" for count, word in counts if count) or "none compared"
    return f"{found.listed:,} listed: {told}" if found.listed else told
