"""Prints who works on a workspace now, for `v2xum status`."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Console

from schemas.documents.status import Holder, RunNow
from schemas.kit.number_of import number_of
from schemas.safe_text import plain


def print_run(run: RunNow | None, console: Console | None = None) -> None:
    """Print the owner of the run, a line for each node with its shards, and one for each host that is paused."""
    console = console or Console()
    lines = _lines(run) if run is not None else ["no run"]
    console.print()
    for line in lines:
        console.print(plain(line), markup=False, highlight=False, soft_wrap=True)


def _lines(run: RunNow) -> Iterator[str]:
    yield f"run: {_who(run.owner)}{''.join(f', fence {claim.fence}' for claim in run.owner.claims)}{_heard(run.owner)}"
    for node in run.nodes:
        shards = ", ".join(f"{claim.shard} (fence {claim.fence})" for claim in node.claims)
        yield f"  {_who(node)}: {number_of(len(node.claims), 'shard')}: {shards}{_heard(node)}"
    for paused in run.paused:
        yield f"  {paused.host} is paused for {paused.seconds:.0f} s: {paused.reason}"


def _who(holder: Holder) -> str:
    return holder.host if holder.process is None else f"process {holder.process} on {holder.host}"


def _heard(holder: Holder) -> str:
    """How long ago it was last heard of; nothing for a ledger in a file."""
    ages = [claim.heartbeat for claim in holder.claims]
    return f", last heard of {min(ages):.0f} s ago" if ages else ""
