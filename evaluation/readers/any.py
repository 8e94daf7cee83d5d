"""Reads references and predictions of every known kind. The path and the first record show which kind it is.

    folder with data/*.parquet, a workspace, *.parquet       this project's release
    folder with GT/*.mat                                     SumMe
    folder with ydata-tvsum50.mat, or that file              TVSum
    JSON, JSON lines: conversations and vsum_onehot          Instruct-V2Xum
                      tsum and vsum_onehot                   VideoXum
                      timestamps and sentences, or query     ActivityNet Captions

Predictions: JSON and JSON lines (evaluation/readers/predictions.py), *.h5 (evaluation/readers/published_results.py).
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence
from pathlib import Path

from curation.store.files import hash_file
from evaluation.cases import Predictions, Reference, References
from evaluation.readers.activitynet import read_activitynet
from evaluation.readers.instruct_v2xum import read_instruct
from evaluation.readers.predictions import read_predictions
from evaluation.readers.published_results import names_in, read_results
from evaluation.readers.records import Object, load_rows, printable
from evaluation.readers.release import read_release, release_shards
from evaluation.readers.summe import read_summe
from evaluation.readers.tvsum import read_tvsum
from evaluation.readers.videoxum import read_videoxum
from schemas.errors import ConfigError

_TVSUM = "ydata-tvsum50.mat"
_JSON = (".json", ".jsonl", ".ndjson")
_HDF5 = (".h5", ".hdf5")


def kind_of(path: Path) -> str:
    """`release`, `summe`, `tvsum`, `instruct-v2xum`, `videoxum` or `activitynet`. Raises ConfigError for others."""
    if not path.exists():
        raise ConfigError(f"{path}: there is no such file or folder")
    if path.is_dir():
        if any((path / "GT").glob("*.mat")):
            return "summe"
        if (path / _TVSUM).is_file():
            return "tvsum"
        release_shards(path)
        return "release"
    suffix = path.suffix.lower()
    if suffix == ".parquet":
        return "release"
    if suffix == ".mat":
        return "tvsum"
    if suffix not in _JSON:
        raise ConfigError(f"{path}: this kind of references is not known: give JSON, Parquet, .mat or a folder")
    record = next((row.value for row in load_rows(path) if isinstance(row.value, Object)), None)
    if record is None:
        raise ConfigError(f"{path}: the file has no records")
    for keys, kind in (
        (("conversations", "vsum_onehot"), "instruct-v2xum"),
        (("tsum", "vsum_onehot"), "videoxum"),
        (("timestamps", "sentences"), "activitynet"),
        (("vid", "query"), "activitynet"),
    ):
        if all(key in record for key in keys):
            return kind
    first = printable(", ".join(list(record)[:8]), 120)
    raise ConfigError(f"{path}: records with the keys {first}: neither Instruct-V2Xum, VideoXum nor ActivityNet")


def read_references(
    paths: Path | Sequence[Path], splits: Collection[str] | None = None, *, pictures: bool = False
) -> References:
    """Read the references of one dataset, from one path or from several paths of one kind.

    Several paths are, for example, VideoXum's splits or ActivityNet's two files. `splits`: only videos of these splits;
    None: all videos. `pictures`: also read keyframe pictures, where the data has them. Raises ConfigError for paths of
    several kinds, for an unknown kind or split, and for files that cannot be read.
    """
    paths = [paths] if isinstance(paths, Path) else list(paths)
    kinds = {kind_of(path) for path in paths}
    if len(kinds) != 1:
        raise ConfigError(f"the references must be of one dataset, not of {', '.join(sorted(kinds)) or 'none'}")
    kind = kinds.pop()
    if kind == "release":
        if len(paths) > 1:
            raise ConfigError("only one release can be read at a time")
        return read_release(paths[0], splits, pictures=pictures)
    if kind == "activitynet":
        references = read_activitynet(paths)
    else:
        parts = [_read(kind, path) for path in paths]
        references = References(
            tuple(item for part in parts for item in part.items), tuple(p for part in parts for p in part.problems)
        )
    if splits is None:
        return references
    known = {item.split for item in references.items if item.split is not None}
    if unknown := set(splits) - known:
        has = f"there are: {', '.join(sorted(known))}" if known else "the data has no splits"
        raise ConfigError(f"{paths[0]}: no split {printable(sorted(unknown)[0])} ({has})")
    return References(tuple(item for item in references.items if item.split in splits), references.problems)


def read_system(path: Path, references: Sequence[Reference]) -> Predictions:
    """Read a system's predictions on the grids of the references, from JSON or HDF5. Raises ConfigError."""
    if path.suffix.lower() not in _HDF5:
        return read_predictions(path, references)
    published = read_results(path, names_in(path.parents[:2]))
    return Predictions(tuple(video.prediction for video in published.values()), ())


def sha256_of(paths: Path | Sequence[Path]) -> str:
    """SHA-256 (64 hex digits) of what was read: of a single file; of several files or a folder, of all names and sums.

    Of a release only the shards count, of another folder every file. Raises OSError and ConfigError.
    """
    paths = [paths] if isinstance(paths, Path) else list(paths)
    if len(paths) == 1 and paths[0].is_file():
        return hash_file(paths[0])[0]
    total = hashlib.sha256()
    for path in paths:
        for file in _files(path):
            shard = file.suffix == ".parquet"  # all shards lie in one folder; the path may be any parent of it
            name = file.name if shard or path.is_file() else file.relative_to(path).as_posix()
            total.update(f"{hash_file(file)[0]}  {name}\n".encode("utf-8", "surrogateescape"))
    return total.hexdigest()


def _read(kind: str, path: Path) -> References:
    if kind == "instruct-v2xum":
        return read_instruct(path)
    if kind == "videoxum":
        return read_videoxum(path)
    if kind == "summe":
        return References(tuple(read_summe(path)), ())
    return References(tuple(read_tvsum(path / _TVSUM if path.is_dir() else path)), ())


def _files(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    if kind_of(path) == "release":
        return release_shards(path)
    return sorted(file for file in path.rglob("*") if file.is_file())
