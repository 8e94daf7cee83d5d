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
from evaluation.readers.folds import Fold, proper_folds, read_splits
from evaluation.readers.known_videos import NOT_CHOSEN, KnownVideos
from evaluation.readers.published_results import names_in
from evaluation.readers.records import printable
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

    Raises ConfigError for an unknown name, for the protocol of the other one of TVSum and SumMe, whose annotations are
    of another kind, and for None where several protocols fit the references.
    """
    kind = kind_of(paths[0])
    if name is not None:
        protocol = get(name)
        dataset, of_dataset, _ = protocol.name.partition("/")
        if of_dataset and kind in ("tvsum", "summe") and dataset != kind:
            fitting = ", ".join(known for known in NAMES if known.startswith(kind))
            raise ConfigError(f"{paths[0]} is {kind}, whose annotations {name} cannot use: --protocol {fitting}")
        return protocol
    if kind not in _DEFAULTS:
        fitting = ", ".join(known for known in NAMES if known.startswith(kind)) or ", ".join(NAMES)
        raise ConfigError(
            f"{kind} has several protocols, whose numbers cannot be compared: name one by --protocol ({fitting})"
        )
    return get(_DEFAULTS[kind])


def read_systems(
    arguments: Sequence[str], references: Sequence[Reference], others: Sequence[Reference] = ()
) -> SystemsRead:
    """Read every `NAME=PATH` or `PATH`, which is named by its stem. The same NAME again is another run of that system.

    Only a written NAME makes runs of one system: two paths without a name that have the same stem are refused.
    `others`: references that no chosen fold tests; what is predicted for them is left out, as `not_chosen`.
    PATH: a file of predictions; or a release or a workspace, whose samples are then the predictions. `PATH:PATH` (with
    the separator of the machine's search path) are the parts of one run, such as the folds of a cross-validation.
    Raises ConfigError for a path that does not exist or cannot be read, and for names that do not say which paths are
    runs of one system.
    """
    given = [_argument(argument) for argument in arguments]
    _refuse_unclear(given)
    untested = KnownVideos(others)
    runs: dict[str, list[Predictions]] = {}
    hashes: dict[str, str] = {}
    for one in given:
        parts = [_without_untested(_read(path, references), untested) for path in one.paths]
        runs.setdefault(one.name, []).append(
            Predictions(
                tuple(item for part in parts for item in part.items), tuple(p for part in parts for p in part.problems)
            )
        )
        count = len(runs[one.name])
        hashes[one.name if count == 1 else f"{one.name}, run {count}"] = sha256_of(one.paths)
    return SystemsRead(tuple(System(name, tuple(parts)) for name, parts in runs.items()), hashes)


class _Argument(NamedTuple):
    """One argument. `named`: the user wrote the name; else it is the first path's stem. `location`: PATH as written."""

    name: str
    named: bool
    location: str
    paths: list[Path]


def _argument(argument: str) -> _Argument:
    named = None if Path(argument).exists() else _NAMED.fullmatch(argument)
    location = named[2] if named else argument
    paths = [Path(part) for part in ([location] if Path(location).exists() else location.split(os.pathsep))]
    if missing := next((path for path in paths if not path.exists()), None):
        raise ConfigError(f"{missing}: there is no such file or folder of predictions")
    if named and not any(c.isprintable() and not c.isspace() for c in named[1]):
        raise ConfigError(f"{printable(argument, 200)!r}: the name before = has no letter that can be shown")
    return _Argument(named[1].strip() if named else _stem(paths[0]), named is not None, location, paths)


def _refuse_unclear(given: Sequence[_Argument]) -> None:
    """Raise ConfigError where several systems would count as runs of one, or one run as several.

    Only a name that the user wrote makes several paths one system: two files with the same stem are most often two
    systems, and their mean would be a number of neither.
    """
    by_name: dict[str, list[_Argument]] = {}
    for one in given:
        by_name.setdefault(one.name, []).append(one)
    for name, same in by_name.items():
        if len(same) > 1 and not all(one.named for one in same):
            shown = printable(name, 40)
            places = ", ".join(printable(one.location, 500) for one in same)
            runs = " ".join(printable(f"{name}={one.location}", 500) for one in same)
            raise ConfigError(
                f"{places}: {len(same)} predictions would be called {shown}. Two systems need a name each: "
                f"FIRST={printable(same[0].location, 500)} SECOND={printable(same[1].location, 500)}. Runs of one "
                f"system need the same name written before each: {runs}"
            )
        files = [tuple(path.resolve() for path in one.paths) for one in same]
        if twice := next((one for one, own in zip(same, files, strict=True) if files.count(own) > 1), None):
            raise ConfigError(
                f"{printable(twice.location, 200)} is given twice as a run of {printable(name, 40)}: a run that counts "
                "twice makes the interval too narrow; name it once"
            )


def chosen_videos(
    references: References, splits: str | None, fold: int | None, seed: int, data: Path
) -> tuple[References, str | None]:
    """The references that count, and a text for the provenance that names them (None: all references count).

    `splits`: a published file of folds, or `proper` for this project's own five folds, made by `seed`; only videos of
    test parts then count. `fold` (0-based): only the test part of this fold; None: of all folds. Published files name
    videos by keys such as `video_1`, which are aliases of the references, or which the file video_names.json beside
    `data` translates. Raises ConfigError for a fold that does
    not exist, and for folds that name no known video.
    """
    if splits is None:
        if fold is not None:
            raise ConfigError("--fold needs --splits: a published file, or `proper`")
        return references, None
    path = Path(splits)
    folds = folds_of(references.items, splits, seed, data)
    if fold is not None:
        check_fold(fold, folds)
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


def folds_of(references: Sequence[Reference], splits: str, seed: int, data: Path) -> tuple[Fold, ...]:
    """The folds of `splits`, as `chosen_videos` takes it, with the ids of the references. Raises ConfigError."""
    if splits == "proper":
        return proper_folds(references, seed=seed)
    known = KnownVideos(references)
    folds = read_splits(Path(splits), names_in((data, data.parent)))
    return tuple(Fold(*(tuple(known.id_of(video) for video in part) for part in fold)) for fold in folds)


def check_fold(fold: int, folds: Sequence[Fold]) -> None:
    """Raise ConfigError where there is no such fold."""
    if not 0 <= fold < len(folds):
        raise ConfigError(f"--fold {fold}: there are only the folds 0..{len(folds) - 1}")


def _read(path: Path, references: Sequence[Reference]) -> Predictions:
    release = path.is_dir() or path.suffix == ".parquet"
    return _of_release(path, KnownVideos(references)) if release else read_system(path, references)


def _without_untested(predictions: Predictions, untested: KnownVideos) -> Predictions:
    items = (
        Prediction(item.id, failure=NOT_CHOSEN) if untested.find(item.id) is not None else item
        for item in predictions.items
    )
    return Predictions(tuple(items), predictions.problems)


def _of_release(path: Path, known: KnownVideos) -> Predictions:
    release = read_release(path)
    items = tuple(
        Prediction(
            known.id_of(sample.id),
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
