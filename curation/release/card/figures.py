"""The figures of a card, read from the written Parquet of `full` by columns and batches: no row is held."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from schemas.kit.content_words import UNSPACED
from schemas.records import SampleScores

_BATCH_ROWS = 1024
_COLUMNS = ("meta.duration", "meta.sampled_frames", "ratio", "vsum_onehot", "summary.v2t", "scores")
_TOKEN = re.compile(rf"[{UNSPACED}]|[^\W{UNSPACED}]+|[^\w\s]")


class Distribution:
    """Values of a quantity, counted in steps of `step`.

    Number, mean and extremes are exact, quantiles are exact to a step. Memory grows with the number of different steps,
    not of values.
    """

    def __init__(self, step: float = 1.0) -> None:
        """Make an empty distribution."""
        self.step = step
        self.count = 0
        self.total = 0.0
        self.least, self.most = math.inf, -math.inf
        self._steps: Counter[int] = Counter()

    def add(self, values: NDArray[np.float64]) -> None:
        """Count the finite values; others (NaN stands for null) are left out."""
        kept = values[np.isfinite(values)]
        if not kept.size:
            return
        self.count += int(kept.size)
        self.total += float(kept.sum())
        self.least, self.most = min(self.least, float(kept.min())), max(self.most, float(kept.max()))
        steps, counts = np.unique(np.rint(kept / self.step).astype(np.int64), return_counts=True)
        self._steps.update(dict(zip(steps.tolist(), counts.tolist(), strict=True)))

    @property
    def mean(self) -> float:
        """The mean; 0 without values."""
        return self.total / self.count if self.count else 0.0

    def quantile(self, share: float) -> float:
        """The least step at or below which `share` (0..1) of the values lie, within the extremes; 0 without values."""
        passed = 0
        for step in sorted(self._steps):
            passed += self._steps[step]
            if passed >= share * self.count:
                return min(max(step * self.step, self.least), self.most)
        return 0.0

    def bars(self, low: float, width: float, bars: int) -> list[int]:
        """How many values lie in each of `bars` spans of `width` from `low` on; values beyond are not counted."""
        counts = [0] * bars
        for step, count in self._steps.items():
            place = math.floor((step * self.step - low) / width + 1e-9)
            if 0 <= place < bars:
                counts[place] += count
        return counts

    def above(self, value: float) -> int:
        """How many values lie above `value`, to a step."""
        return sum(count for step, count in self._steps.items() if step * self.step > value + 1e-9)

    def below(self, value: float) -> int:
        """How many values lie below `value`, to a step."""
        return sum(count for step, count in self._steps.items() if step * self.step < value - 1e-9)


class Figures(NamedTuple):
    """Distributions over the rows of a release.

    `duration` is in seconds, `ratio` is keyframes / sampled frames. `words` of the text summary are separated by white
    space; `tokens` are its words and punctuation marks (`count_tokens`). `scores` has what was measured in some row.
    """

    duration: Distribution
    sampled_frames: Distribution
    keyframes: Distribution
    ratio: Distribution
    words: Distribution
    tokens: Distribution
    scores: Mapping[str, Distribution]

    @property
    def ratio_of_means(self) -> float:
        """The mean number of keyframes / the mean number of sampled frames; 0 without rows."""
        return self.keyframes.total / self.sampled_frames.total if self.sampled_frames.total else 0.0


def count_tokens(text: str) -> int:
    """The number of words and punctuation marks of a text; in scripts without spaces every character is a word.

    A tokenizer of parts of words counts more: about a third more in English.
    """
    return len(_TOKEN.findall(text))


def read_figures(folder: Path) -> Figures:
    """The figures of the release in `folder`, from the files of `full` in the order of their names. Raises OSError."""
    scores = {name: Distribution(0.001) for name in SampleScores.model_fields}
    made = Figures(
        duration=Distribution(0.1),
        sampled_frames=Distribution(),
        keyframes=Distribution(),
        ratio=Distribution(0.0001),
        words=Distribution(),
        tokens=Distribution(),
        scores=scores,
    )
    for batch in _batches(folder):
        meta, summary = batch["meta"], batch["summary"]
        made.duration.add(_numbers(meta.field("duration")))
        made.sampled_frames.add(_numbers(meta.field("sampled_frames")))
        made.ratio.add(_numbers(batch["ratio"]))
        chosen = batch["vsum_onehot"]
        made.keyframes.add(np.array([sum(row) for row in chosen.to_pylist()], np.float64))
        texts = [text or "" for text in summary.field("v2t").to_pylist()]
        made.words.add(np.array([len(text.split()) for text in texts], np.float64))
        made.tokens.add(np.array([count_tokens(text) for text in texts], np.float64))
        for name, distribution in scores.items():
            if batch["scores"].type.get_field_index(name) >= 0:  # of several annotators only
                distribution.add(_numbers(batch["scores"].field(name)))
    return made._replace(scores={name: each for name, each in scores.items() if each.count})


def _batches(folder: Path) -> Iterator[Any]:
    for path in sorted((folder / "full").glob("*.parquet")):
        with pq.ParquetFile(path, memory_map=True) as file:
            yield from file.iter_batches(_BATCH_ROWS, columns=list(_COLUMNS))


def _numbers(array: Any) -> NDArray[np.float64]:
    """A column as float64, NaN for null."""
    values: NDArray[np.float64] = array.cast(pa.float64()).to_numpy(zero_copy_only=False)
    return values
