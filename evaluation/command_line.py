"""What `v2xum evaluate` is told on its command line: systems as NAME=PATH, a default protocol, which videos count."""

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
from evaluation.readers.published_results import read_names
from evaluation.readers.release import read_release
from schemas.errors import ConfigError

_DEFAULTS = {
    "release": "instruct-v2xum",
    "instruct-v2xum": "instruct-v2xum",
    "activitynet": "instruct-v2xum",
    "videoxum": "videoxum",
    "tvsum": "tvsum/per-annotator",
}
_KEYS = "video_names.json"
_NAMED = re.compile(r"([^=/\\]{1,60})=(.+)", re.DOTALL)


class Given(NamedTuple):
    """Systems with their predictions read, and the SHA-256 of every file by the system's name."""

    systems: tuple[System, ...]
    hashes: dict[str, str]


def protocol_for(name: str | None, paths: Sequence[Path]) -> Protocol:
    """The named protocol, or the one that the references leave no choice about. Raises ConfigError."""
    if name is not None:
        return get(name)
    kind = kind_of(paths[0])
    if kind not in _DEFAULTS:
        fitting = ", ".join(known for known in NAMES if known.startswith(kind)) or ", ".join(NAMES)
        raise ConfigError(
            f"{kind} has several protocols, whose numbers do not compare: name one by --protocol ({fitting})"
        )
    return get(_DEFAULTS[kind])


def read_systems(given: Sequence[str], references: Sequence[Reference]) -> Given:
    """Read every `NAME=PATH` or `PATH` (named by its stem); one NAME several times is one system in several runs.

    PATH: a file of predictions, or a release or workspace, whose samples are then the predictions. `PATH:PATH` (the
    separator of the machine's search path) are parts of one run, as the folds of a cross-validation are. Raises
    ConfigError.
    """
    runs: dict[str, list[Predictions]] = {}
    hashes: dict[str, str] = {}
    for argument in given:
        named = None if Path(argument).exists() else _NAMED.fullmatch(argument)
        written = named[2] if named else argument
        paths = [Path(part) for part in ([written] if Path(written).exists() else written.split(os.pathsep))]
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
    return Given(tuple(System(name, tuple(found)) for name, found in runs.items()), hashes)


def chosen_videos(
    references: References, splits: str | None, fold: int | None, seed: int, data: Path
) -> tuple[References, str | None]:
    """The references that are tested, and how that is said in provenance.

    `splits`: a published file of folds, or `proper` for five folds of our own by `seed`; `fold` (0-based): only
    the test part of that one, else of all. Published files call videos by keys; video_names.json beside the `data`
    says whose they are. Raises ConfigError for a fold that is not there, or one that names no known video.
    """
    if splits is None:
        if fold is not None:
            raise ConfigError("--fold needs --splits: a published file, or `proper`")
        return references, None
    path = Path(splits)
    index = next((folder / _KEYS for folder in (data, data.parent) if (folder / _KEYS).is_file()), None)
    names = read_names(index) if index is not None else {}
    folds = proper_folds(references.items, seed=seed) if splits == "proper" else read_splits(path, names)
    if fold is not None and not 0 <= fold < len(folds):
        raise ConfigError(f"--fold {fold}: there are folds 0..{len(folds) - 1}")
    tested = {video for one in (folds if fold is None else [folds[fold]]) for video in one.test}
    items = tuple(reference for reference in references.items if reference.id in tested)
    if not items:
        raise ConfigError(
            f"{splits}: none of its test videos is among the references (ids such as {sorted(tested)[:3]})"
        )
    source = f"proper, seed {seed}" if splits == "proper" else f"{path.name} (sha256 {sha256_of(path)[:12]})"
    part = "all folds" if fold is None else f"fold {fold}"
    said = f"{source}, test videos of {part}: {len(items)} of {len(references.items)}"
    return References(items, references.problems), said


def _read(path: Path, references: Sequence[Reference]) -> Predictions:
    release = path.is_dir() or path.suffix == ".parquet"
    return _of_release(path) if release else read_system(path, references)


def _of_release(path: Path) -> Predictions:
    found = read_release(path)
    items = tuple(
        Prediction(
            one.id,
            scores=None if one.selections is None else one.selections[0].astype(np.float64),
            score_source="selection",
            selected=None if one.selections is None else one.selections[0],
            text=one.texts[0] if one.texts else "",
        )
        for one in found.items
    )
    return Predictions(items, found.problems)


def _stem(path: Path) -> str:
    """A name for a file; for the export of a workspace the workspace's."""
    resolved = path.resolve()
    return resolved.parent.name if resolved.name == "export" else resolved.stem
