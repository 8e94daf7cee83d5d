"""Measures the time of intervals and paired tests: 10,000 resamples over 4,000 videos and 15 metrics.

Baseline: scipy.stats.bootstrap (BCa, vectorized, batches of 500) for one metric, times the number of metrics.
"""

from __future__ import annotations

import json
import time
from typing import Any

import numpy as np

from evaluation.uncertainty.bootstrap import RESAMPLES, intervals, mean_of
from evaluation.uncertainty.significance import paired

VIDEOS, METRICS = 4_000, 15


def measure() -> dict[str, Any]:
    """Time the intervals of one system, the tests of two systems and scipy's interval in turn; best of three rounds."""
    from scipy import stats

    rng = np.random.default_rng(0)
    first = rng.beta(2, 5, (METRICS, VIDEOS))
    second = first + rng.normal(0.001, 0.05, first.shape)
    rows = [mean_of(row) for row in first]
    pairs = [(mean_of(left), mean_of(right)) for left, right in zip(first, second, strict=True)]
    ours, tests, theirs = [], [], []
    widest = 0.0
    for _ in range(3):
        began = time.perf_counter()
        computed = intervals(rows, 0)
        ours.append(time.perf_counter() - began)
        began = time.perf_counter()
        paired(pairs, 0)
        tests.append(time.perf_counter() - began)
        began = time.perf_counter()
        other = stats.bootstrap(
            (first[0],), np.mean, n_resamples=RESAMPLES, method="BCa", batch=500, rng=np.random.default_rng(1)
        ).confidence_interval
        theirs.append(time.perf_counter() - began)
        width = other.high - other.low
        widest = max(widest, abs(computed[0].low - other.low) / width, abs(computed[0].high - other.high) / width)
    return {
        "videos": VIDEOS,
        "metrics": METRICS,
        "resamples": RESAMPLES,
        "interval_seconds": round(min(ours), 2),
        "paired_seconds": round(min(tests), 2),
        "scipy_seconds_per_metric": round(min(theirs), 2),
        "times_faster_than_scipy": round(min(theirs) * METRICS / min(ours), 1),
        "ends_apart_in_widths": round(widest, 3),
    }


def main() -> None:
    """Run the benchmark and print one line of JSON, with or without `--json`."""
    print(json.dumps(measure()))


if __name__ == "__main__":
    main()
