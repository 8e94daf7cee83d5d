"""The configuration `tombstones`: published videos whose source is gone, changed its licence, or opted out."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import TYPE_CHECKING

from curation.release.configurations.configuration import Configuration, Inputs, Row
from curation.release.refresh.tombstones import Tombstone, tombstones

if TYPE_CHECKING:
    from datasets import Features

NAME, SPLIT = "tombstones", "gone"


@functools.cache
def features() -> Features:
    """The columns: those of curation.release.refresh.tombstones.Tombstone."""
    from datasets import Features, Value

    return Features({name: Value("string") for name in (*Tombstone.model_fields, "split")})


def rows(inputs: Inputs) -> Iterator[Row]:
    """One row a tombstone, by id."""
    for each in tombstones(inputs.standings.view, inputs.versions, inputs.splits):
        yield {**each.model_dump(), "split": SPLIT}


TOMBSTONES = Configuration(
    NAME,
    "A published video whose source is gone, changed its licence, or opted out: since when, and why.",
    features,
    of_ledger=rows,
)
