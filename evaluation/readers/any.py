"""Reads references and predictions of every known kind. The path and the first record show which kind it is.

    folder with data/*.parquet, a workspace, *.parquet       this project's release
    folder with GT/*.mat                                     SumMe
    folder with ydata-tvsum50.mat or -anno.tsv, or that file TVSum
    folder with eccv16_dataset_tvsum_*.h5 alone              TVSum
    eccv16_dataset_*.h5                                      TVSum or SumMe
    JSON, JSON lines: conversations and vsum_onehot          Instruct-V2Xum
                      tsum and vsum_onehot                   VideoXum
                      times and sentences, or query          ActivityNet Captions, also as Parquet

Predictions: JSON and JSON lines (evaluation/readers/predictions.py), *.h5 (evaluation/readers/scores.py).
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence
from pathlib import Path

from curation.store.files import hash_file
from evaluation.cases import Predictions, Reference, References
from evaluation.readers.activitynet import activitynet_rows, is_activitynet, read_activitynet
from evaluation.readers.eccv16 import dataset_of, is_eccv16
from evaluation.readers.instruct_v2xum import read_instruct
from evaluation.readers.known_videos import KnownVideos
from evaluation.readers.predictions import read_predictions
from evaluation.readers.records import Object, printable
from evaluation.readers.release import column_names, read_release, release_shards
from evaluation.readers.scores import read_hdf5
from evaluation.readers.summe import read_summe_files
from evaluation.readers.tvsum import MAT, TSV, read_tvsum_files
from evaluation.readers.videoxum import read_videoxum
from schemas.errors import ConfigError

_JSON = (".json", ".jsonl", ".ndjson")
_HDF5 = (".h5", ".hdf5")


def kind_of(path: Path) -> str:
    """`release`, `summe`, `tvsum`, `instruct-v2xum`, `videoxum` or `activitynet`. Raises ConfigError for others."""
    if not path.exists():
        raise ConfigError(f"{path}: there is no such file or folder")
    if path.is_dir():
        if any((path / "GT").glob("*.mat")):
            return "summe"
        if any((path / name).is_file() for name in (MAT, TSV, f"data/{TSV}")):
            return "tvsum"
        if shots := [file.name for file in sorted(path.glob("*.h5")) if is_eccv16(file)]:
            if all("tvsum" in name for name in shots):
                return "tvsum"
            raise ConfigError(f"{path}: name the file of one dataset as --references: {printable(', '.join(shots))}")
        release_shards(path)
        return "release"
    suffix = path.suffix.lower()
    if suffix == ".parquet":
        return "activitynet" if is_activitynet(dict.fromkeys(column_names(path))) else "release"
    if suffix in (".mat", ".tsv"):
        return "tvsum"
    if suffix in _HDF5:
        return dataset_of(path)
    if suffix not in _JSON:
        raise ConfigError(
            f"{path}: this kind of references is not known: give JSON, Parquet, .mat, .tsv, .h5 or a folder"
        )
    record = next((row.value for row in activitynet_rows(path) if isinstance(row.value, Object)), None)
    if record is None:
        raise ConfigError(f"{path}: the file has no records")
    for keys, kind in (
        (("conversations", "vsum_onehot"), "instruct-v2xum"),
        (("tsum", "vsum_onehot"), "videoxum"),
    ):
        if all(key in record for key in keys):
            return kind
    if is_activitynet(record):
        return "activitynet"
    first = printable(", ".join(list(record)[:8]), 120)
    raise ConfigError(f"{path}: records with the keys {first}: neither Instruct-V2Xum, VideoXum nor ActivityNet")


def read_references(
    paths: Path | Sequence[Path],
    splits: Collection[str] | None = None,
    *,
    pictures: bool = False,
    annotators: bool = False,
) -> References:
    """Read the references of one dataset, from one path or from several paths of one kind.

    Several paths are, for example, VideoXum's splits or ActivityNet's two files. `splits`: only videos of these splits;
    None: all videos. `pictures`: also read keyframe pictures, where the data has them. `annotators`: of a release read
    what each of its annotators chose (`read_release`). Raises ConfigError for paths of several kinds, for an unknown
    kind or split, and for files that cannot be read.
    """
    paths = [paths] if isinstance(paths, Path) else list(paths)
    kinds = {kind_of(path) for path in paths}
    if len(kinds) != 1:
        raise ConfigError(f"the references must be of one dataset, not of {', '.join(sorted(kinds)) or 'none'}")
    kind = kinds.pop()
    if kind == "release":
        if len(paths) > 1:
            raise ConfigError("only one release can be read at a time")
        return read_release(paths[0], splits, pictures=pictures, annotators=annotators)
    if kind == "activitynet":
        references = read_activitynet(paths)
    elif kind in ("summe", "tvsum"):
        read = read_summe_files if kind == "summe" else read_tvsum_files
        references = References(tuple(read(paths)), ())
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
    if path.suffix.lower() in _HDF5:
        return read_hdf5(path, KnownVideos(references))
    return read_predictions(path, references)


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
    return read_instruct(path) if kind == "instruct-v2xum" else read_videoxum(path)


def _files(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    if kind_of(path) == "release":
        return release_shards(path)
    return sorted(file for file in path.rglob("*") if file.is_file())
