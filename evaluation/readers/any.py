"""One way in: references and predictions of any known kind, told by what a path is and what its first record has.

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

from evaluation.cases import Predictions, Reference, References
from evaluation.readers.activitynet import read_activitynet
from evaluation.readers.instruct_v2xum import read_instruct
from evaluation.readers.predictions import read_predictions
from evaluation.readers.records import Object, load_rows, shown
from evaluation.readers.release import read_release, release_shards
from evaluation.readers.videoxum import read_videoxum
from schemas.errors import ConfigError

TVSUM = "ydata-tvsum50.mat"
_JSON = (".json", ".jsonl", ".ndjson")
_HDF5 = (".h5", ".hdf5")
_NAMES = "video_names.json"


def kind_of(path: Path) -> str:
    """`release`, `summe`, `tvsum`, `instruct-v2xum`, `videoxum` or `activitynet`. Raises ConfigError for others."""
    if not path.exists():
        raise ConfigError(f"{path}: there is no such file or folder")
    if path.is_dir():
        if any((path / "GT").glob("*.mat")):
            return "summe"
        if (path / TVSUM).is_file():
            return "tvsum"
        release_shards(path)
        return "release"
    suffix = path.suffix.lower()
    if suffix == ".parquet":
        return "release"
    if suffix == ".mat":
        return "tvsum"
    if suffix not in _JSON:
        raise ConfigError(f"{path}: not a kind of references that is known: give JSON, Parquet, .mat or a folder")
    record = next((row.value for row in load_rows(path) if isinstance(row.value, Object)), None)
    if record is None:
        raise ConfigError(f"{path}: no records in it")
    for keys, kind in (
        (("conversations", "vsum_onehot"), "instruct-v2xum"),
        (("tsum", "vsum_onehot"), "videoxum"),
        (("timestamps", "sentences"), "activitynet"),
        (("vid", "query"), "activitynet"),
    ):
        if all(key in record for key in keys):
            return kind
    keys_found = shown(", ".join(list(record)[:8]), 120)
    raise ConfigError(f"{path}: records with the keys {keys_found}: neither Instruct-V2Xum, VideoXum nor ActivityNet")


def read_references(
    paths: Path | Sequence[Path], splits: Collection[str] | None = None, *, pictures: bool = False
) -> References:
    """References of one dataset, from one path or several of one kind (VideoXum's splits, ActivityNet's two files).

    `splits`: only videos of these, where the data has splits. `pictures`: with keyframes, where the data has them.
    Raises ConfigError for paths of several kinds, unknown kinds and splits, and files that cannot be read.
    """
    paths = [paths] if isinstance(paths, Path) else list(paths)
    kinds = {kind_of(path) for path in paths}
    if len(kinds) != 1:
        raise ConfigError(f"references of one dataset are wanted, not of {', '.join(sorted(kinds)) or 'none'}")
    kind = kinds.pop()
    if kind == "release":
        if len(paths) > 1:
            raise ConfigError("one release at a time")
        return read_release(paths[0], splits, pictures=pictures)
    if kind == "activitynet":
        found = read_activitynet(paths)
    else:
        parts = [_read(kind, path) for path in paths]
        found = References(
            tuple(item for part in parts for item in part.items), tuple(p for part in parts for p in part.problems)
        )
    if splits is None:
        return found
    there = {item.split for item in found.items if item.split is not None}
    if unknown := set(splits) - there:
        has = f"there are: {', '.join(sorted(there))}" if there else "it has none"
        raise ConfigError(f"{paths[0]}: no split {shown(sorted(unknown)[0])} ({has})")
    return References(tuple(item for item in found.items if item.split in splits), found.problems)


def read_system(path: Path, references: Sequence[Reference]) -> Predictions:
    """A system's predictions on the grids of the references, by what the file is. Raises ConfigError."""
    if path.suffix.lower() not in _HDF5:
        return read_predictions(path, references)
    from evaluation.readers.published_results import read_names, read_results

    index = next((folder / _NAMES for folder in path.parents[:2] if (folder / _NAMES).is_file()), None)
    published = read_results(path, read_names(index) if index is not None else None)
    return Predictions(tuple(one.prediction for one in published.values()), ())


def sha256_of(paths: Path | Sequence[Path]) -> str:
    """SHA-256 (64 hex) of what was read: of a file its own, of several or a folder that of their names and sums.

    Of a release the shards count, of other folders every file. Raises OSError, ConfigError.
    """
    paths = [paths] if isinstance(paths, Path) else list(paths)
    if len(paths) == 1 and paths[0].is_file():
        return _file_sha256(paths[0])
    total = hashlib.sha256()
    for path in paths:
        for file in _files(path):
            shard = file.suffix == ".parquet"  # all of one folder, of which any parent may be given
            name = file.name if shard or path.is_file() else file.relative_to(path).as_posix()
            total.update(f"{_file_sha256(file)}  {name}\n".encode("utf-8", "surrogateescape"))
    return total.hexdigest()


def _read(kind: str, path: Path) -> References:
    if kind == "instruct-v2xum":
        return read_instruct(path)
    if kind == "videoxum":
        return read_videoxum(path)
    if kind == "summe":
        from evaluation.readers.summe import read_summe

        return References(tuple(read_summe(path)), ())
    from evaluation.readers.tvsum import read_tvsum

    return References(tuple(read_tvsum(path / TVSUM if path.is_dir() else path)), ())


def _files(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    if kind_of(path) == "release":
        return release_shards(path)
    return sorted(file for file in path.rglob("*") if file.is_file())


def _file_sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
