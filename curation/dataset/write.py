"""Writes an export: Parquet shards, upstream JSON, rejections, card and manifest, put into place in one step.

    out/data/SPLIT-00000-of-0000N.parquet     the dataset (`load_dataset(out)` reads these and nothing else)
    out/json/SPLIT.json                       the same rows in upstream's record shape
    out/rejections.jsonl                      one line a video that is not in it, with title, address and reason
    out/README.md                             dataset card
    out/manifest.json                         counts, makers, and SHA-256, size and rows of every other file

Equal samples and rejections give equal bytes, file by file. Memory holds one row group a split.
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

from curation.dataset.card import render_card
from curation.dataset.layout import CARD, MANIFEST, REJECTIONS, is_own
from curation.dataset.rows import row_of, split_of
from curation.dataset.shards import SplitWriter
from curation.dataset.statistics import Tally
from curation.frames.safety.blur import of_all_pictures, stated
from curation.status.standings import named
from curation.store.files import hash_file
from curation.store.folder_swap import publish, staging
from schemas.arrow import PLAIN, SCHEMA_VERSION, Columns
from schemas.configuration.config import ExportConfig
from schemas.errors import PermanentError, StageError, StorageFull, is_storage_full
from schemas.manifest import SPLITS, ExportedFile, Manifest, SplitCount
from schemas.records import Rejection, Sample
from schemas.safe_text import public_text
from schemas.time import FrameIndex

STAGE = "export"
ReadImage = Callable[[Sample, FrameIndex], bytes]

_log = logging.getLogger(__name__)


def export(
    samples: Iterable[Sample],
    read_image: ReadImage,
    config: ExportConfig,
    out: Path,
    *,
    name: str,
    rejections: Iterable[Rejection] = (),
    on_rejection: Callable[[Rejection], None] | None = None,
    before_swap: Callable[[Sequence[Rejection]], None] | None = None,
    languages: tuple[str, ...] = ("en",),
    columns: Columns = PLAIN,
) -> Manifest:
    """Write the dataset into the folder `out`, replacing the export that is there in one step.

    `samples` ascend by video id; `rejections` come in an order that does not change from run to run. A sample
    whose parts or pictures do not fit together becomes a rejection of the stage `export`, written with the
    others and handed to `on_rejection`. `languages` are those of the written texts, for the card. `before_swap`
    gets these rejections when everything is written; what it raises leaves the former export. A kill at any
    moment leaves the former export or the new one, whole. `columns`: those that not every run has.

    Raises ConfigError when `out` holds something else than an export, StorageFull, OSError, and ValueError for
    ids that do not ascend.
    """
    tally = Tally()
    failed: list[Rejection] = []
    example: dict[str, Any] | None = None
    new = staging(out, MANIFEST, is_own)
    try:
        with SplitWriter(new, config.rows_per_shard, columns) as writer:
            for sample in _ascending(samples):
                try:
                    row = _row(sample, read_image, config)
                except StageError as error:
                    _log.warning("%s is left out of the export: %s", sample.video.id, error)
                    failed.append(
                        named(_rejection(sample.video.id, error), sample.source, sample.video.publication.title)
                    )
                    continue
                writer.add(row)
                tally.row(row)
                example = example or {key: row[key] for key in ("id", "title", "meta", "ratio", "summary")}
        _write_rejections(new / REJECTIONS, chain(rejections, failed), tally)
        manifest = _manifest(new, config, name, tally, writer)
        card = new / CARD
        card.write_text(render_card(manifest, example, languages), encoding="utf-8", newline="\n")
        manifest = manifest.model_copy(update={"files": (_exported(card, new, None), *manifest.files)})
        (new / MANIFEST).write_text(manifest.model_dump_json(indent=2) + "\n", encoding="utf-8", newline="\n")
        if before_swap is not None:
            before_swap(failed)
        publish(new, out)
    except OSError as error:
        if is_storage_full(error):
            raise StorageFull(f"no space left while writing the export {out}") from error
        raise
    finally:
        shutil.rmtree(new, ignore_errors=True)
    for rejection in failed:
        if on_rejection:
            on_rejection(rejection)
    return manifest


def _ascending(samples: Iterable[Sample]) -> Iterator[Sample]:
    last = ""
    for sample in samples:
        if sample.video.id <= last:
            raise ValueError(f"samples must ascend by video id: {sample.video.id!r} after {last!r}")
        last = sample.video.id
        yield sample


def _row(sample: Sample, read_image: ReadImage, config: ExportConfig) -> dict[str, Any]:
    images: dict[FrameIndex, bytes] | None = None
    if config.images:
        images = {}
        for index in sample.extract.keyframes:
            try:
                images[index] = read_image(sample, index)
            except FileNotFoundError as error:
                raise PermanentError("image_missing", f"frame {index}") from error
    return row_of(sample, split_of(sample.video.sha256, config.splits), images, blur=config.blurred)


def _rejection(video: str, error: StageError) -> Rejection:
    return Rejection(id=video, stage=STAGE, error_class=error.error_class, reason=error.reason, evidence=error.evidence)


def _write_rejections(path: Path, rejections: Iterable[Rejection], tally: Tally) -> None:
    with path.open("w", encoding="utf-8", newline="\n") as stream:
        for rejection in rejections:
            evidence = public_text(rejection.evidence, asked=rejection.address)
            public = rejection.model_copy(update={"evidence": evidence})
            stream.write(public.canonical() + "\n")
            tally.rejection(public)


def _manifest(folder: Path, config: ExportConfig, name: str, tally: Tally, writer: SplitWriter) -> Manifest:
    """The manifest without its entry for the card, which is made from the manifest."""
    listed = writer.files()
    files = [_exported(folder / REJECTIONS, folder, sum(count.videos for count in tally.rejections()))]
    files += [_exported(path, folder, rows) for path, rows in listed]
    splits = []
    for split in SPLITS:
        rows = [rows for path, rows in listed if path.suffix == ".parquet" and path.name.startswith(f"{split}-")]
        if rows:
            splits.append(SplitCount(split=split, rows=sum(rows), shards=len(rows)))
    return Manifest(
        schema_version=SCHEMA_VERSION,
        name=name,
        title=config.title,
        licence=config.licence,
        images=config.images,
        blur=stated(of_all_pictures(config.blurred)),
        samples=tally.rows,
        splits=tuple(splits),
        files=tuple(sorted(files, key=lambda file: file.path)),
        **tally.figures(),
    )


def _exported(path: Path, folder: Path, rows: int | None) -> ExportedFile:
    sha256, size = hash_file(path)
    return ExportedFile(path=path.relative_to(folder).as_posix(), sha256=sha256, bytes=size, rows=rows)
