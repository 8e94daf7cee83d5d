"""Folds for training and test: reads and checks published split files, and makes proper folds.

Published forms: JSON or YAML, a list of {train_keys, test_keys} (PGL-SUM, DSNet, MSVA), and lines
`SumMe/split0/train,train,.../test,...` (CSTA). A key may begin with a path; its last part counts.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from evaluation.cases import Reference
from schemas.errors import ConfigError
from schemas.kit.yaml_values import yaml_values


class Fold(NamedTuple):
    """Ids of videos for training, for the choice of a checkpoint (empty in published splits), and for the test."""

    train: tuple[str, ...]
    validation: tuple[str, ...]
    test: tuple[str, ...]


class SplitCheck(NamedTuple):
    """The faults of folds; every field is empty where there is no fault.

    `never_tested`: known videos that are in no test part. `tested_often`: videos in more than one test part, and how
    often. `leaks`: by the fold's place, ids in two parts of the fold. `unknown`: ids that the dataset does not have.
    `groups`: by the fold's place, groups that have videos in the test part and in another part.
    """

    never_tested: tuple[str, ...]
    tested_often: dict[str, int]
    leaks: dict[int, tuple[str, ...]]
    unknown: tuple[str, ...]
    groups: dict[int, tuple[str, ...]]

    @property
    def clean(self) -> bool:
        """Whether every known video is tested exactly once and nothing leaks."""
        return not any(self)


def read_splits(path: Path, names: Mapping[str, str] | None = None) -> tuple[Fold, ...]:
    """Read a published file. `names`: ids by key; other keys stay. Raises ConfigError, which names the row."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path}: cannot be read: {error}") from error
    folds = _lines(path, text) if path.suffix == ".txt" else _documents(path, text)
    if not folds:
        raise ConfigError(f"{path}: the file has no folds")
    renamed = names or {}
    return tuple(Fold(*(tuple(renamed.get(key, key) for key in part) for part in fold)) for fold in folds)


def check_splits(folds: Sequence[Fold], references: Iterable[Reference | str]) -> SplitCheck:
    """Find videos that are never tested or tested more than once, and leaks. `references`: the videos, or their ids."""
    groups = {r if isinstance(r, str) else r.id: None if isinstance(r, str) else r.group for r in references}
    tested = Counter(video for fold in folds for video in set(fold.test))
    named = {video for fold in folds for part in fold for video in part}
    leaks, crossing = {}, {}
    for place, fold in enumerate(folds):
        counts = Counter(video for part in fold for video in set(part))
        if twice := tuple(sorted(video for video, count in counts.items() if count > 1)):
            leaks[place] = twice
        inside = {groups.get(video) for video in fold.test} - {None}
        outside = {groups.get(video) for video in (*fold.train, *fold.validation)}
        if both := tuple(sorted(group for group in inside & outside if group is not None)):
            crossing[place] = both
    return SplitCheck(
        never_tested=tuple(video for video in groups if not tested[video]),
        tested_often={video: count for video, count in sorted(tested.items()) if count > 1},
        leaks=leaks,
        unknown=tuple(sorted(named - groups.keys())),
        groups=crossing,
    )


def proper_folds(references: Sequence[Reference], *, folds: int = 5, seed: int = 0) -> tuple[Fold, ...]:
    """Make folds in which every video is tested exactly once and validated exactly once, and no group is split.

    A video without a group is a group of its own. The groups are shuffled by `seed`; then each, larger groups first,
    goes to the smallest of `folds` parts. Fold i tests part i, validates part i + 1 and trains on the others. The order
    of `references` does not matter. Raises ConfigError for fewer than three folds, for fewer groups than folds, and for
    an id that is given twice.
    """
    if folds < 3:
        raise ConfigError(f"{folds} folds: training, validation and test need at least three")
    ids = sorted(reference.id for reference in references)
    if len(set(ids)) < len(ids):
        raise ConfigError("a video is given twice")
    members: dict[tuple[bool, str], list[str]] = {}
    for reference in sorted(references, key=lambda r: r.id):
        own = reference.group is None
        members.setdefault((own, reference.id if own else str(reference.group)), []).append(reference.id)
    if len(members) < folds:
        raise ConfigError(f"{len(members)} groups of videos do not fill {folds} folds")
    groups = [members[key] for key in sorted(members)]
    order = np.random.default_rng(seed).permutation(len(groups))
    parts: list[list[str]] = [[] for _ in range(folds)]
    for group in sorted((groups[i] for i in order), key=len, reverse=True):
        min(parts, key=len).extend(group)
    sets = [tuple(sorted(part)) for part in parts]
    made = []
    for i in range(folds):
        after = (i + 1) % folds
        train = tuple(sorted(v for j in range(folds) if j not in (i, after) for v in sets[j]))
        made.append(Fold(train, sets[after], sets[i]))
    return tuple(made)


def _documents(path: Path, text: str) -> list[Fold]:
    try:
        rows = json.loads(text) if path.suffix == ".json" else yaml_values(text)
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{path}: cannot be parsed: {error}") from error
    if not isinstance(rows, list):
        raise ConfigError(f"{path}: must be a list of folds")
    return [_fold(path, place, row) for place, row in enumerate(rows)]


def _fold(path: Path, place: int, row: object) -> Fold:
    parts = []
    for name, needed in (("train_keys", True), ("val_keys", False), ("test_keys", True)):
        keys = row.get(name, None if needed else []) if isinstance(row, dict) else None
        if not isinstance(keys, list) or not all(isinstance(key, str) and key for key in keys):
            raise ConfigError(f"{path}: fold {place}: {name} must be a list of videos")
        parts.append(tuple(key.rsplit("/", 1)[-1] for key in keys))
    return Fold(*parts)


def _lines(path: Path, text: str) -> list[Fold]:
    folds = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        fields = line.strip().split("/")
        if len(fields) != 4:
            raise ConfigError(f"{path}: line {number}: not DATASET/FOLD/TRAIN,TRAIN/TEST,TEST")
        train, test = (tuple(key.strip() for key in field.split(",") if key.strip()) for field in fields[2:])
        folds.append(Fold(train, (), test))
    return folds
