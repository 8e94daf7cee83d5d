"""Reads references from this project's releases: the Parquet shards of an export or a release (schemas/arrow.py)."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from evaluation.cases import Flags, Reference, References
from evaluation.readers.records import BadRecord, left_out, printable
from schemas.arrow import SAFETY
from schemas.documents.evaluation import Problem
from schemas.errors import ConfigError

_COLUMNS = ("id", "split", "title", "publication", "meta", "vsum_onehot", "sampling_fps", "summary")
_CHOICES = "choices"  # of several annotators; other releases do not have it
_BATCH = 64


def release_shards(path: Path) -> list[Path]:
    """The shards of an export, a release (`full`), a workspace with an export, a folder of shards; or the given shard.

    Raises ConfigError when there are no shards.
    """
    if path.suffix == ".parquet" and path.is_file():
        return [path]
    for folder in (path / "data", path / "full", path / "export" / "data", path):
        if shards := sorted(folder.glob("*.parquet")):
            return shards
    raise ConfigError(
        f"{path}: no Parquet shards (give the folder `export`, a release, a workspace, or a .parquet file)"
    )


def read_release(
    path: Path, splits: Collection[str] | None = None, *, pictures: bool = False, annotators: bool = False
) -> References:
    """Read references: T sampled frames, `selections` (1, T), the text summary, the channel as `group`, the split.

    `splits`: only videos of these splits; None: all videos. `pictures` also reads the keyframes' JPEGs, about 50 KB
    each, without those that the release blurs. `annotators`: `selections` (A, T) are the choices of the A annotators
    whose replies were usable, where the release was made with several; their mean is the release's `saliency`. Raises
    ConfigError for files that are not a release, and for an unknown split.
    """
    items: dict[str, Reference] = {}
    problems: list[Problem] = []
    seen: set[str] = set()
    several = annotators and _CHOICES in column_names(release_shards(path)[0])
    blurring = pictures and SAFETY in column_names(release_shards(path)[0])
    more = (("keyframes", pictures), (SAFETY, blurring), (_CHOICES, several))
    columns = (*_COLUMNS, *(name for name, read in more if read))
    for row in _rows(path, columns):
        if not isinstance(row["id"], str) or not isinstance(row["split"], str):
            raise ConfigError(
                f"{path}: id and split must be texts, not {printable(repr((row['id'], row['split'])), 80)}"
            )
        seen.add(row["split"])
        if splits is not None and row["split"] not in splits:
            continue
        try:
            item = _reference(row, pictures=pictures)
        except BadRecord as error:
            problems.append(left_out(row["id"], error.reason, error.detail))
            continue
        except (LookupError, TypeError, ValueError, AttributeError) as error:
            raise ConfigError(f"{path}: its rows are not those of a release ({printable(error)})") from error
        if item.id in items:
            problems.append(left_out(item.id, "duplicate_id", "a second row of the release"))
        else:
            items[item.id] = item
    if splits is not None and (unknown := set(splits) - seen):
        raise ConfigError(f"{path}: no split {printable(sorted(unknown)[0])} (there are: {', '.join(sorted(seen))})")
    return References(tuple(items.values()), tuple(problems))


def _reference(row: Mapping[str, Any], *, pictures: bool) -> Reference:
    """The reference of a row. Raises BadRecord, and for columns of other types LookupError, TypeError and their kin."""
    onehot = np.array(row["vsum_onehot"], bool)
    if len(onehot) == 0 or len(onehot) != row["meta"]["sampled_frames"]:
        detail = f"vsum_onehot has {len(onehot)} entries for {row['meta']['sampled_frames']} sampled frames"
        raise BadRecord("wrong_length", detail)
    chosen = onehot[None, :] if row.get(_CHOICES) is None else _chosen(row[_CHOICES], len(onehot))
    text = (row["summary"]["v2t"] or "").strip()
    return Reference(
        id=row["id"],
        frames=len(onehot),
        fps=row["sampling_fps"],
        selections=chosen,
        texts=(text,) if text else (),
        group=row["publication"]["channel_id"] or row["publication"]["channel"],
        split=row["split"],
        title=row["title"] or "",
        pictures=_pictures(row) if pictures else {},
        by_models=row.get(_CHOICES) is not None,
    )


def _chosen(choices: Sequence[Mapping[str, Any]], frames: int) -> Flags:
    """The choices of the annotators that have one, as flags (A, T). Raises BadRecord."""
    given = [choice["keyframes"] for choice in choices if choice["fault"] is None]
    if not given or not all(0 <= index < frames for one in given for index in one):
        raise BadRecord("wrong_length", f"choices of frames beyond the {frames} that were sampled, or none")
    flags = np.zeros((len(given), frames), bool)
    for place, one in enumerate(given):
        flags[place, one] = True
    return flags


def column_names(path: Path) -> list[str]:
    """The columns of a Parquet file. Raises ConfigError."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return list(pq.read_schema(path).names)
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read as Parquet: {printable(error)}") from error


def _pictures(row: Mapping[str, Any]) -> dict[int, bytes]:
    """The keyframes' JPEGs; a blurred one shows something else than the frame."""
    blurred = (row.get(SAFETY) or {}).get("blurred") or ()
    return {
        keyframe["index"]: keyframe["image"]["bytes"]
        for keyframe in row["keyframes"]
        if keyframe["image"] is not None and keyframe["image"]["bytes"] is not None and keyframe["index"] not in blurred
    }


def _rows(path: Path, columns: tuple[str, ...]) -> Iterator[dict[str, Any]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    for shard in release_shards(path):
        try:
            with pq.ParquetFile(shard) as file:
                missing = [name for name in columns if name not in file.schema_arrow.names]
                if missing:
                    raise ConfigError(f"{shard}: no column {missing[0]}: not a release of this project")
                for batch in file.iter_batches(_BATCH, columns=list(columns)):
                    yield from batch.to_pylist()
        except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"{shard}: cannot be read as Parquet: {printable(error)}") from error
