"""The table of stages: everything that the program knows about each of them."""

from __future__ import annotations

from typing import NamedTuple


class Stage(NamedTuple):
    """A stage: its name, its code version (raised when its results change), and what it depends on.

    `needs` names earlier stages, or `source` (the address) or `listing` (all that the list row said).
    """

    name: str
    version: int
    needs: tuple[str, ...]


STAGES = (
    Stage("download", 1, ("source",)),
    Stage("filter", 1, ("listing", "download")),
    Stage("frames", 1, ("download",)),
    Stage("caption", 1, ("frames",)),
    Stage("binding", 1, ("frames", "caption")),
    Stage("extract", 1, ("caption",)),
    Stage("refine", 1, ("caption", "extract")),
    Stage("audit", 1, ("frames", "caption", "refine")),
)
STAGE_NAMES = tuple(stage.name for stage in STAGES)
EXPORT = "export"  # no stage of its own, but a finished sample can be refused there
SUMMARY = "refine"  # the last stage whose record is published, and by whose digest an export's refusal holds
CHECKS = frozenset({"binding", "audit"})  # stages whose records say something of the others and are not published


def later_stages(name: str) -> tuple[str, ...]:
    """The stages after this one, whose results stop being current when this one's change; none after a check."""
    if name in CHECKS:
        return ()
    return (*STAGE_NAMES[STAGE_NAMES.index(name) + 1 :], EXPORT)
