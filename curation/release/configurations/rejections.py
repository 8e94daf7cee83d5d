"""The configuration `rejections`: every video that was considered and left out, with the reason."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import TYPE_CHECKING

from curation.release.configurations.configuration import Configuration, Inputs, Row
from schemas.records import Rejection
from schemas.safe_text import public_text

if TYPE_CHECKING:
    from datasets import Features

SPLIT = "rejected"


@functools.cache
def features() -> Features:
    """The columns: those of schemas.records.Rejection."""
    from datasets import Features, Value

    return Features({name: Value("string") for name in (*Rejection.model_fields, "split")})


def rows(inputs: Inputs) -> Iterator[Row]:
    """One row a video that is out, by id; its evidence is without paths and keys."""
    for rejection in inputs.standings.rejections():
        evidence = public_text(rejection.evidence, asked=rejection.address)
        yield {**rejection.model_dump(), "evidence": evidence, "split": SPLIT}


REJECTIONS = Configuration(
    "rejections", "A video that was considered and left out: where, and why.", features, of_ledger=rows
)
