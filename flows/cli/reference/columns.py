"""The page of all columns, from the Arrow schemas that Parquet files are written with."""

from __future__ import annotations

from collections.abc import Iterator

from curation.ledger.stages import STAGES
from curation.release.column_types import arrow_type
from curation.release.configurations.registry import configurations
from flows.cli.reference.markdown import code, page, table
from schemas.arrow import Columns
from schemas.meanings.columns import meaning, names


def render() -> str:
    """The page: a section for every configuration of a release."""
    about = (
        "A release has these configurations; `load_dataset(NAME, CONFIGURATION)` loads one, and the first is the "
        "default. An export has the columns of [full](#full). Columns of several annotators are there where "
        "`extract.annotators` is above 1, `transcript` where `transcribe.mode` is on, `screen_text` where `ocr.mode` "
        "is, `safety` where `safety.mode` is. The same descriptions are in the fields of the Parquet files "
        "(`pyarrow.parquet.read_schema(FILE).field(NAME).metadata`) and in `croissant.json`. Times and durations are "
        "in seconds; every column may be null where nothing is known."
    )
    return page("Columns of the dataset", about, *_sections())


def _sections() -> Iterator[str]:
    import pyarrow as pa

    every = Columns(annotators=True, transcripts=True, denoised=True, models=True, screen_text=True, safety=True)
    for each in configurations(every):
        yield f"## {each.name}"
        yield f"**A row.** {each.shows}"
        rows = []
        for name, kind in names(each.features().arrow_schema):
            inner = kind.value_type if pa.types.is_list(kind) else kind
            word = code(arrow_type(kind)) if not pa.types.is_struct(inner) else _structure(name, inner is not kind)
            rows.append((code(name), word, meaning(name, each.name, STAGES.names)))
        yield table(("Column", "Type", "Meaning"), rows)


def _structure(name: str, listed: bool) -> str:
    kind = "picture" if name.rpartition(".")[2] in {"image", "images", "contact_sheet"} else "structure"
    return f"list of {kind}s" if listed else kind
