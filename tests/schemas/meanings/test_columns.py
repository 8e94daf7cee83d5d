"""Columns carry their meaning in the fields of a schema, and every description is of a column."""

from __future__ import annotations

from curation.ledger.stages import STAGES
from curation.release.configurations.configuration import Configuration
from curation.release.configurations.registry import configurations
from schemas.arrow import Columns, arrow_schema
from schemas.meanings.columns import KEY, OTHERS, described, names
from schemas.meanings.columns_of_full import FULL

EVERY = Columns(annotators=True, transcripts=True, denoised=True, models=True, screen_text=True, safety=True)


def _configurations() -> tuple[Configuration, ...]:
    return configurations(EVERY)


def test_the_types_stay_and_every_field_says_what_it_is() -> None:
    for each in _configurations():
        schema = each.features().arrow_schema
        told = described(schema, each.name, STAGES.names)
        assert told.equals(schema) and told.metadata == schema.metadata
        assert all(field.metadata[KEY] for field in told)
    kind = told_of_full().field("summary").type
    inner = kind.field(kind.get_field_index("v2vt")).type.value_type
    assert inner.field(inner.get_field_index("times")).metadata[KEY].decode() == FULL["summary.v2vt.times"]


def told_of_full() -> object:
    return described(arrow_schema(EVERY), "full")


def test_nothing_is_described_that_is_no_column() -> None:
    there = {name for each in _configurations() for name, _ in names(each.features().arrow_schema)}
    assert {*OTHERS, *FULL} - there == set()
