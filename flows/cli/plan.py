"""`v2xum plan`: estimates what a configuration will take, from a probe of its videos."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from flows.cli.app import (
    JsonOption,
    LimitOption,
    RunFolderOption,
    SetOption,
    app,
    guarded,
    overrides,
    print_json,
    run_folder,
)
from schemas.configuration.loading import load_config
from schemas.documents.plan import Interval, Plan, PlanEstimate
from schemas.kit.number_of import number_of
from schemas.safe_text import plain


@app.command()
@guarded
def plan(
    config: Annotated[Path, typer.Argument(help="The run's YAML file, as for `v2xum curate`.")],
    source: Annotated[
        list[str] | None,
        typer.Option(help="A file, folder, URL, id or list to use instead of the configuration's sources."),
    ] = None,
    probe: Annotated[
        int, typer.Option(min=0, help="Number of random videos to curate first; 0: use only what the workspace has.")
    ] = 20,
    workspace: RunFolderOption = None,
    limit: LimitOption = None,
    set_: SetOption = None,
    as_json: JsonOption = False,
) -> None:
    """Curate some videos and estimate tokens, hours, disk and money for all; `v2xum curate` continues from there."""
    from flows.local.plan import plan_here

    resolved = load_config(config, overrides(set_, source))
    root = run_folder(workspace, resolved)
    answer = plan_here(resolved, root, source or (), probe, limit, as_json=as_json)
    if as_json:
        print_json(answer)
    else:
        cache = resolved.store.cache_gigabytes * 1000 if resolved.store.address else None
        print_plan(answer, cache_megabytes=cache)


def print_plan(answer: Plan, console: Console | None = None, cache_megabytes: float | None = None) -> None:
    """Print a plan as a table, or the reason why it has no estimate.

    `cache_megabytes` bound what the store takes on this machine, where it lies at an address.
    """
    console = console or Console(highlight=False, soft_wrap=True)
    probe, found = answer.probe, answer.estimate
    console.print(
        f"{number_of(answer.videos, 'video')}: settled {answer.settled_videos} ({probe.videos} of them probed now, in "
        f"{_hours(probe.wall_hours)}), due {answer.due_videos}"
    )
    for stage, videos in answer.again.items():
        console.print(f"of these {videos} were finished, and are due again from {stage} on")
    if answer.pacing is not None:
        paced = answer.pacing
        told = (
            f"{number_of(paced.videos, 'download')} from {paced.host}, {paced.seconds:g} s apart (download.pace), take "
            f"at least {_hours(paced.least_hours)}, whatever the models can do."
        )
        console.print(plain(told, 1000), markup=False)
    if found is None:
        console.print(plain(answer.note or "", 1000), markup=False)
        return
    table = Table(show_edge=False, pad_edge=False, title="what the due videos will take", title_justify="left")
    for name in ("", "expected", "95 % interval", ""):
        table.add_column(name, justify="right" if name else "left")
    for label, range_, unit in _rows(found):
        hours = unit == "h"
        values = (range_.expected, range_.low, range_.high)
        cells = [_hours(value) if hours else _number(value) for value in values]
        table.add_row(label, cells[0], f"{cells[1]} to {cells[2]}", "" if hours else unit)
    console.print(table)
    console.print(plain(found.advice, 1000), markup=False)
    stored = min(found.store_megabytes.high, cache_megabytes or float("inf"))
    needed = stored + found.export_megabytes.high + found.temporary_megabytes.high
    if needed > answer.disk_free_megabytes:
        console.print(
            f"The workspace's disk has {answer.disk_free_megabytes:,.0f} MB free and may need {needed:,.0f} MB: "
            "make room, or set frames.keep to none."
        )


def _rows(found: PlanEstimate) -> list[tuple[str, Interval, str]]:
    labels = {"sample": "samples", "rejected": "rejected", "retryable": "failed for now"}
    rows = [(label, found.videos[state], "") for state, label in labels.items()]
    for role, model in found.models.items():
        rows += [
            (f"{role}: requests", model.requests, ""),
            (f"{role}: tokens in", model.tokens_in, ""),
            (f"{role}: tokens out", model.tokens_out, ""),
        ]
    rows.append(("wall time", found.wall_hours, "h"))
    rows += [(f"  {lane.removesuffix('_hours')} lane", range_, "h") for lane, range_ in found.lanes.items()]
    if found.gpu_busy_hours.high:
        rows.append(("GPU time at work", found.gpu_busy_hours, "h"))
    rows += [
        ("disk: store", found.store_megabytes, "MB"),
        ("disk: export of all", found.export_megabytes, "MB"),
        ("disk: for the time being", found.temporary_megabytes, "MB"),
    ]
    if found.cost.high:
        rows.append(("cost", found.cost, plain(found.cost.currency)))
    return rows


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 or float(value).is_integer() else f"{value:.3g}"


def _hours(hours: float) -> str:
    """Return hours in a unit that is easy to read: 40 s, 12 min, 3.2 h, 5.1 d."""
    seconds = hours * 3600
    for limit, size, unit in ((120, 1, "s"), (7200, 60, "min"), (172_800, 3600, "h")):
        if seconds < limit:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds / 86400:.3g} d"
