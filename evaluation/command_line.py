"""Reads the arguments of `v2xum evaluate`: systems as NAME=PATH, the protocol, and which videos count."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from evaluation.cases import Prediction, Predictions, Reference, References, System
from evaluation.protocols import NAMES, Protocol, get
from evaluation.readers.any import kind_of, read_system, sha256_of
from evaluation.readers.folds import proper_folds, read_splits
from evaluation.readers.published_results import names_in
from evaluation.readers.release import read_release
from schemas.errors import ConfigError

_DEFAULTS = {
    "release": "instruct-v2xum",
    "instruct-v2xum": "instruct-v2xum",
    "activitynet": "instruct-v2xum",
    "videoxum": "videoxum",
    "tvsum": "tvsum/per-annotator",
}
_NAMED = re.compile(r"([^=/\\]{1,60})=(.+)", re.DOTALL)


class SystemsRead(NamedTuple):
    """The systems with their predictions, and the SHA-256 of every run's files by the name of system and run."""

    systems: tuple[System, ...]
    hashes: dict[str, str]


def protocol_for(name: str | None, paths: Sequence[Path]) -> Protocol:
    """The protocol with this name; for None the protocol of the references' kind.

    Raises ConfigError for an unknown name, and for None where several protocols fit the references.
    """
    if name is not None:
        return get(name)
    kind = kind_of(paths[0])
    if kind not in _DEFAULTS:
        fitting = ", ".join(known for known in NAMES if known.startswith(kind)) or ", ".join(NAMES)
        raise ConfigError(
            f"{kind} has several protocols, whose numbers cannot be compared: name one by --protocol ({fitting})"
        )
    return get(_DEFAULTS[kind])


def read_systems(arguments: Sequence[str], references: Sequence[Reference]) -> SystemsRead:
    """Read every `NAME=PATH` or `PATH`, which is named by its stem. The same NAME again is another run of that system.

    PATH: a file of predictions; or a release or a workspace, whose samples are then the predictions. `PATH:PATH` (with
    the separator of the machine's search path) are the parts of one run, such as the folds of a cross-validation.
    Raises ConfigError for a path that does not exist or cannot be read.
    """
    runs: dict[str, list[Predictions]] = {}
    hashes: dict[str, str] = {}
    for argument in arguments:
        named = None if Path(argument).exists() else _NAMED.fullmatch(argument)
        location = named[2] if named else argument
        paths = [Path(part) for part in ([location] if Path(location).exists() else location.split(os.pathsep))]
        if missing := next((path for path in paths if not path.exists()), None):
            raise ConfigError(f"{missing}: there is no such file or folder of predictions")
        name = named[1].strip() if named else _stem(paths[0])
        parts = [_read(path, references) for path in paths]
        runs.setdefault(name, []).append(
            Predictions(
                tuple(item for part in parts for item in part.items), tuple(p for part in parts for p in part.problems)
            )
        )
        count = len(runs[name])
        hashes[name if count == 1 else f"{name}, run {count}"] = sha256_of(paths)
    return SystemsRead(tuple(System(name, tuple(parts)) for name, parts in runs.items()), hashes)


def chosen_videos(
    references: References, splits: str | None, fold: int | None, seed: int, data: Path
) -> tuple[References, str | None]:
    """The references that count, and a text for the provenance that names them (None: all references count).

    `splits`: a published file of folds, or `proper` for this project's own five folds, made by `seed`; only videos of
    test parts then count. `fold` (0-based): only the test part of this fold; None: of all folds. Published files name
    videos by keys; the file video_names.json beside `data` translates the keys. Raises ConfigError for a fold that does
    not exist, and for folds that name no known video.
    """
    if splits is None:
        if fold is not None:
            raise ConfigError("--fold needs --splits: a published file, or `proper`")
        return references, None
    path = Path(splits)
    names = names_in((data, data.parent))
    folds = proper_folds(references.items, seed=seed) if splits == "proper" else read_splits(path, names)
    if fold is not None and not 0 <= fold < len(folds):
        raise ConfigError(f"--fold {fold}: there are only the folds 0..{len(folds) - 1}")
    tested = {video for chosen in (folds if fold is None else [folds[fold]]) for video in chosen.test}
    items = tuple(reference for reference in references.items if reference.id in tested)
    if not items:
        raise ConfigError(
            f"{splits}: none of its test videos is among the references (ids such as {sorted(tested)[:3]})"
        )
    source = f"proper, seed {seed}" if splits == "proper" else f"{path.name} (sha256 {sha256_of(path)[:12]})"
    part = "all folds" if fold is None else f"fold {fold}"
    description = f"{source}, test videos of {part}: {len(items)} of {len(references.items)}"
    return References(items, references.problems), description


def _read(path: Path, references: Sequence[Reference]) -> Predictions:
    release = path.is_dir() or path.suffix == ".parquet"
    return _of_release(path) if release else read_system(path, references)


def _of_release(path: Path) -> Predictions:
    release = read_release(path)
    items = tuple(
        Prediction(
            sample.id,
            scores=None if sample.selections is None else sample.selections[0].astype(np.float64),
            score_source="selection",
            selected=None if sample.selections is None else sample.selections[0],
            text=sample.texts[0] if sample.texts else "",
        )
        for sample in release.items
    )
    return Predictions(items, release.problems)


def _stem(path: Path) -> str:
    """The file's stem as the name of a system; for the export of a workspace the workspace's name."""
    resolved = path.resolve()
    return resolved.parent.name if resolved.name == "export" else resolved.stem
