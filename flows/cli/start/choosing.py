"""The options with which a command says which videos it is about: the same ones everywhere."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer

from curation.status.selection import CLASSES, STATES, Selection, require_known

StateOption = Annotated[
    list[str] | None,
    typer.Option("--state", help="Only videos in this state: sample, rejected, retryable or pending; may be repeated."),
]
StageOption = Annotated[
    list[str] | None,
    typer.Option("--stage", help="Only videos that are out or due at this stage; may be repeated."),
]
ReasonOption = Annotated[
    list[str] | None,
    typer.Option("--reason", help="Only videos that are out for this reason; may be repeated."),
]
ClassOption = Annotated[
    list[str] | None,
    typer.Option(
        "--class", help="Only videos that are out by this class of error: transient, permanent, poison or refused."
    ),
]


def selection_of(
    ids: Sequence[str] | None,
    state: Sequence[str] | None,
    stage: Sequence[str] | None,
    reason: Sequence[str] | None,
    error_class: Sequence[str] | None,
) -> Selection:
    """The selection that the options make; values are also split at commas. Raises ConfigError for an unknown state."""
    chosen = Selection(tuple(ids or ()), *map(_values, (state, stage, reason, error_class)))
    require_known("--state", chosen.states, STATES)  # at once, before a workspace is read
    require_known("--class", chosen.classes, CLASSES)
    return chosen


def _values(given: Sequence[str] | None) -> tuple[str, ...]:
    return tuple(value for text in given or () for value in text.split(",") if value)
