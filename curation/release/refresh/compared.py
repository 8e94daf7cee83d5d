"""Compares the rows of a release with those that the ledger would give now, in every configuration, without pictures.

What the models made is compared by the hashes of `lineage`, what people said by the review and the captions of
keyframes in `full` and by `preferences`, what is out by `rejections`. `default` is compared whole: it also shows what
the configuration decides, such as the licence. The other configurations say the same in other forms.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TypeVar

import pyarrow as pa
import pyarrow.parquet as pq

from curation.dataset.rows import row_of
from curation.pipeline.settings import columns_of
from curation.release.configurations.configuration import Configuration, Inputs, Published, Row
from curation.release.configurations.default import DEFAULT
from curation.release.configurations.full import FULL
from curation.release.configurations.lineage import LINEAGE
from curation.release.configurations.preferences import PREFERENCES, rows_without_pictures
from curation.release.configurations.rejections import REJECTIONS
from curation.release.readable import arrow_batch
from curation.release.refresh.published import files_of, manifest_of, schema_of, unreadable
from schemas.arrow import ANNOTATORS, DENOISED, SAFETY, SCREEN_TEXT, TRANSCRIPT, features
from schemas.errors import PermanentError

Digests = dict[str, bytes]
T = TypeVar("T")
_BATCH = 64
_UNCOMPARED = ("contact_sheet", "images", "split")  # drawn from what the other columns say; and frozen
_OF_FULL = ("id", "review", "keyframes", "saliency", "choices", ANNOTATORS, TRANSCRIPT, DENOISED, SCREEN_TEXT, SAFETY)


def published_digests(release: Path) -> Digests:
    """What each row of `default` says, as a digest, by id. Raises ConfigError for files that cannot be read."""
    return _published(release, DEFAULT, _columns(release, DEFAULT))


def changed_rows(release: Path, before: Mapping[str, bytes], ids: Sequence[str], inputs: Inputs) -> set[str]:
    """Those of the rows `ids`, which the release has, that any configuration would show otherwise now.

    `before`: the rows of `default`, of `published_digests`. Raises ConfigError for files that cannot be read.
    """
    whole = FULL._replace(features=partial(features, columns_of(inputs.services.config)))
    shown, full = _columns(release, DEFAULT), _columns(release, whole, _OF_FULL)
    said = _published(release, whole, full)
    default, review = _made(inputs, ids, shown, whole, full)
    found = _unlike(before, default, ids) | (_unlike(said, review, ids) if "review" in full else set())
    for each, rows in ((LINEAGE, _of_ledger(LINEAGE)), (PREFERENCES, rows_without_pictures)):
        if columns := _columns(release, each):
            found |= _unlike(_published(release, each, columns), _now(each, rows(inputs), columns), ids)
    return found


def changed_rejections(release: Path, apart_from: set[str], inputs: Inputs) -> set[str]:
    """The videos that the release rejects otherwise than the ledger does now, or that only one of them rejects.

    `apart_from`: ids that are not compared, such as rows that came or left. Raises ConfigError as `changed_rows`.
    """
    columns = _columns(release, REJECTIONS)
    before = _published(release, REJECTIONS, columns)
    now = _now(REJECTIONS, _of_ledger(REJECTIONS)(inputs), columns)
    return _unlike(before, now, [*before, *now]) - apart_from


def has_field(schema: pa.Schema, field: pa.Field) -> bool:
    """Whether a schema has a column of this name and type."""
    return field.name in schema.names and schema.field(field.name).type == field.type


def _of_ledger(configuration: Configuration) -> Callable[[Inputs], Iterable[Row]]:
    assert configuration.of_ledger is not None
    return configuration.of_ledger


def _unlike(before: Mapping[str, bytes], now: Mapping[str, bytes], ids: Iterable[str]) -> set[str]:
    return {name for name in ids if before.get(name) != now.get(name)}


def _columns(release: Path, configuration: Configuration, among: Sequence[str] = ()) -> list[str]:
    """The columns that the release has and the next one will have; none where it does not know the configuration."""
    if all(each.name != configuration.name for each in manifest_of(release).configurations):
        return []
    now = configuration.features().arrow_schema
    files = files_of(release, configuration.name)
    before = schema_of(files[0]) if files else now
    return [
        field.name
        for field in before
        if has_field(now, field) and field.name not in _UNCOMPARED and (not among or field.name in among)
    ]


def _published(release: Path, configuration: Configuration, columns: Sequence[str]) -> Digests:
    """The digests of the rows of a release by id, without pictures."""
    digests: Digests = {}
    for path in files_of(release, configuration.name):
        try:
            with pq.ParquetFile(path) as file:
                leaves = [file.schema.column(place).path for place in range(len(file.schema))]
                wanted = [leaf for leaf in leaves if leaf.split(".")[0] in columns and ".image." not in leaf]
                for batch in file.iter_batches(_BATCH, columns=wanted):
                    _add(digests, batch.to_pylist())
        except (OSError, pa.ArrowException, UnicodeDecodeError, KeyError) as error:
            raise unreadable(path, error) from error
    return digests


def _now(configuration: Configuration, rows: Iterable[Row], columns: Sequence[str]) -> Digests:
    """The same of rows that the ledger gives."""
    digests: Digests = {}
    for batch in _batches(rows):
        _add(digests, _readable(batch, configuration, columns))
    return digests


def _made(
    inputs: Inputs, ids: Sequence[str], shown: Sequence[str], full: Configuration, columns: Sequence[str]
) -> tuple[Digests, Digests]:
    """The same of `default` and of `full`, of the samples `ids`."""
    default, whole = Digests(), Digests()
    assert DEFAULT.of_sample is not None
    for samples in _batches(inputs.standings.published(ids)):
        rows = []
        for sample in samples:
            try:
                rows.append(
                    Published(sample, row_of(sample, "train", None, blur=inputs.services.config.export.blurred), None)
                )
            except PermanentError:
                default[sample.video.id] = b""  # the next release says what is wrong with it
        _add(default, _readable([line for one in rows for line in DEFAULT.of_sample(one)], DEFAULT, shown))
        _add(whole, _readable([one.row for one in rows], full, columns))
    return default, whole


def _readable(rows: Sequence[Row], configuration: Configuration, columns: Sequence[str]) -> list[Row]:
    """Rows as a release holds them, of some columns."""
    schema = configuration.features().arrow_schema
    return list(arrow_batch(rows, pa.schema([schema.field(name) for name in columns])).to_pylist())


def _add(digests: Digests, rows: Iterable[Row]) -> None:
    """Add rows to the digests; an id may have several rows, in their order."""
    for row in rows:
        for keyframe in row.get("keyframes", ()):
            keyframe.pop("image", None)
        text = json.dumps(row, sort_keys=True).encode()
        digests[row["id"]] = hashlib.sha256(digests.get(row["id"], b"") + text).digest()


def _batches(items: Iterable[T]) -> Iterator[list[T]]:
    left = iter(items)
    while chunk := list(islice(left, _BATCH)):
        yield chunk
