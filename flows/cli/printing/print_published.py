"""Prints what a release says of one video as text for a terminal."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.text import Text

from schemas.documents.release_diff import PublishedExplanation
from schemas.safe_text import plain

_SHOWN = 12


def print_published(answer: PublishedExplanation) -> None:
    """Print a published row: what it says, from which results of the ledger it was made, and what is other now."""
    console = Console(highlight=False, soft_wrap=True)
    console.print(Text(f"{plain(answer.id)}: {answer.state} in {plain(answer.release)}", style="bold"))
    if answer.row is not None:
        _published(console, answer.row)
    if answer.out is not None:
        for name in ("stage", "reason", "evidence", "date"):
            if answer.out.get(name):
                _row(console, name, str(answer.out[name]))
    if answer.results:
        console.print(Text("\nresults in the ledger", style="bold"))
    for stage, result in answer.results.items():
        words = {
            "current": "still the current one",
            "older": f"an older one; now {(result.current or 'none')[:_SHOWN]}",
            "missing": f"not in this ledger; now {(result.current or 'none')[:_SHOWN]}",
        }
        _row(console, stage, f"{result.digest[:_SHOWN]} {words[result.now]}")
    console.print(Text("\nnow", style="bold").append(f"  {plain(answer.now)}", style="dim"))
    if answer.fields:
        _row(console, "differs in", ", ".join(answer.fields))
    elif answer.row is not None and answer.now == "sample":
        _row(console, "differs in", "nothing")
    for cause in answer.causes:
        where = f" at {cause.stage}" if cause.stage is not None else ""
        _row(console, "cause", f"{cause.cause}{where}: {cause.detail}")


def _published(console: Console, row: dict[str, Any]) -> None:
    source, review, summary = (row.get(name) or {} for name in ("source", "review", "summary"))
    _row(console, "title", str(row.get("title") or "(none)"))
    _row(console, "source", f"{source.get('kind', '')} {source.get('uri') or '(not public)'}")
    _row(console, "sha256", str((row.get("file") or {}).get("sha256")))
    _row(console, "split", str(row.get("split")))
    for stage, made in (row.get("provenance") or {}).items():
        if isinstance(made, dict):
            prompt = f"{made.get('prompt')} (sha256 {str(made.get('prompt_sha256'))[:_SHOWN]})"
            _row(console, stage, f"{prompt}, {made.get('model')} (revision {str(made.get('revision'))[:_SHOWN]})")
    reviewers = ", ".join(map(str, review.get("reviewers") or ()))
    _row(console, "review", f"{review.get('status')}" + (f" by {reviewers}" if reviewers else ""))
    if review.get("editor"):
        _row(console, "edited by", str(review["editor"]))
    _row(console, "summary", str(summary.get("v2vt_seconds")))


def _row(console: Console, name: str, text: str) -> None:
    console.print(Text(f"  {plain(name):10} ", style="cyan").append(plain(text, 400)))
