"""What every column of the dataset means: for the reference, for Croissant, and in the fields of the Parquet files.

A column inside a structure or a list has a name with dots. Times and durations are in seconds, an `index` counts
sampled frames from 0.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from schemas.meanings.columns_of_full import FULL

if TYPE_CHECKING:
    import pyarrow as pa

KEY = b"description"
OTHERS: Mapping[str, str] = {
    # default
    "contact_sheet": "The keyframes with their times, as one picture.",
    "keyframe_seconds": "The times of the keyframes.",
    "text_summary": "The summary as running text.",
    "interleaved_summary": "The summary with the times of its keyframes: `[3.0]Sentence. [9.0]Sentence.`",
    "duration": "The length of the video.",
    "address": "Where the video was published.",
    "language": "The language that the publisher states.",
    "review_status": "`unreviewed`, `accepted`, `fixed` or `disputed`.",
    # v2v, v2t, v2vt
    "conversations_slots": "The same, with slots 00 to 99 in the place of seconds.",
    "conversations_slots.from": "`human` asks, `gpt` answers.",
    "conversations_slots.value": "The text of the turn.",
    "sampled_frames": "How many frames were sampled.",
    "sha256": "SHA-256 of the file of the video.",
    # frames
    "index": "The position among the sampled frames.",
    "time": "The time of the frame at the sampling rate.",
    "pts": "The presentation time stamp of the picture in the file.",
    "caption": "The caption of the frame; null where no usable one was made.",
    "caption_missing": "Why there is no caption; see the reasons.",
    "caption_by": "The model that wrote the caption, or the pseudonym of the person who edited it.",
    "keyframe": "Whether the frame is a keyframe.",
    "keyframe_by": "The model that chose, or the pseudonym of the person who did.",
    "reviewed": "Whether people judged the video.",
    "image_sha256": "SHA-256 of the JPEG that was captioned.",
    "phash": "The perceptual hash of the picture.",
    # preferences
    "kind": "`caption`, `keyframes` or `summary`: what people preferred.",
    "prompt": "What the model was asked, as messages.",
    "prompt.role": "`system` or `user`.",
    "prompt.content": "The text of the message.",
    "chosen": "What people wrote or chose, as messages.",
    "chosen.role": "`assistant`.",
    "chosen.content": "The text of the message.",
    "rejected": "What the model had written or chosen, as messages.",
    "rejected.role": "`assistant`.",
    "rejected.content": "The text of the message.",
    "images": "The picture of a caption, as JPEG; empty for other kinds.",
    "prompt_id": "The name and version of the prompt.",
    "prompt_sha256": "SHA-256 of the prompt's text.",
    "prompt_asked": "Whether the model was asked exactly this, in one request.",
    "departs": "Why `chosen` could not be an answer to the prompt; null where it could.",
    "model": "The model that wrote `rejected`.",
    "revision": "The revision of its weights.",
    "annotator": "The pseudonym of the person.",
    "verdict": "The decision as the person gave it.",
    "reasons": "The reasons that the person gave.",
    "stratum": "Why the sample was judged: `random`, `active` or `adjudication`.",
    "applied": "Whether the published row carries the person's edits.",
    # rejections
    "stage": "Where the video is out.",
    "error_class": "`transient`, `permanent`, `poison` or `refused`.",
    "reason": "Why; the reference lists all reasons.",
    "evidence": "What was measured, or what a tool said.",
    # tombstones
    "date": "The day (UTC) on which it was found.",
    "detail": "What was said, or the change.",
    "row": "`kept` or `withdrawn`: whether the row is in this release.",
    "last_version": "The latest release that has the row.",
    # lineage
    "due": "The stage at which an unfinished video waits; null for all others.",
}
_LINEAGE = "SHA-256 of the record of this stage in the ledger; null where there was no current result."


def meaning(column: str, configuration: str, stages: tuple[str, ...] = ()) -> str:
    """What a column of a configuration means. `stages` are the columns of `lineage` that stand for stages.

    Raises KeyError for a column that nobody has described.
    """
    if configuration == "lineage" and column in stages:
        return _LINEAGE
    if configuration == "full":
        return FULL[column]
    return OTHERS[column] if column in OTHERS else FULL[column]


def described(schema: pa.Schema, configuration: str, stages: tuple[str, ...] = ()) -> pa.Schema:
    """The schema with the meaning of each column, also inside structures and lists, in its field's metadata.

    A column that nobody has described, of another program's table, stays without.
    """
    import pyarrow as pa

    def with_meaning(field: pa.Field, name: str) -> pa.Field:
        inside = field.with_type(inner(field.type, name))
        try:
            return inside.with_metadata({KEY: meaning(name, configuration, stages)})
        except KeyError:
            return inside

    def inner(kind: pa.DataType, name: str) -> pa.DataType:
        if pa.types.is_list(kind):
            item = kind.value_field
            return pa.list_(item.with_type(inner(item.type, name)))
        if pa.types.is_struct(kind) and not _is_picture(kind):
            return pa.struct([with_meaning(each, f"{name}.{each.name}") for each in fields(kind)])
        return kind

    return pa.schema([with_meaning(field, field.name) for field in schema], metadata=schema.metadata)


def names(schema: pa.Schema) -> Iterator[tuple[str, pa.DataType]]:
    """All columns with their types, also those inside structures and lists, under names with dots."""
    import pyarrow as pa

    def walk(kind: pa.DataType, name: str) -> Iterator[tuple[str, pa.DataType]]:
        yield name, kind
        while pa.types.is_list(kind):
            kind = kind.value_type
        if pa.types.is_struct(kind) and not _is_picture(kind):
            for each in fields(kind):
                yield from walk(each.type, f"{name}.{each.name}")

    for field in schema:
        yield from walk(field.type, field.name)


def fields(kind: pa.DataType) -> list[pa.Field]:
    """The fields of a structure."""
    return [kind.field(place) for place in range(kind.num_fields)]


def _is_picture(kind: pa.DataType) -> bool:
    return [field.name for field in fields(kind)] == ["bytes", "path"]
