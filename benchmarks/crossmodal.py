"""Compares F_CLIP of 4,000 videos with the speed of BLAS: 200 reference and 100 predicted vectors of 768 float32 each.

Baseline: numpy.matmul of the same vectors in batches of 32 videos, run in turn with F_CLIP. Both use the same 64 videos
again and again (59 MB, more than the processor's caches), because all 4,000 would need 3.7 GB.
"""

from __future__ import annotations

import itertools
import json
import time
from typing import Any

import numpy as np

from evaluation.metrics.crossmodal import f_clip

VIDEOS, REFERENCE, PREDICTED, WIDTH = 4_000, 200, 100, 768
_POOL, _BATCH = 64, 32


def measure() -> dict[str, Any]:
    """Time both in turn; the best of five rounds counts."""
    rng = np.random.default_rng(0)
    reference, predicted = (
        rng.standard_normal((_POOL, count, WIDTH)).astype(np.float32) for count in (REFERENCE, PREDICTED)
    )
    for vectors in (reference, predicted):
        vectors /= np.linalg.norm(vectors, axis=-1, keepdims=True)
    ours, plain = [], []
    for _ in range(5):
        began = time.perf_counter()
        for start in itertools.islice(itertools.cycle(range(0, _POOL, _BATCH)), VIDEOS // _BATCH):
            np.matmul(reference[start : start + _BATCH], predicted[start : start + _BATCH].transpose(0, 2, 1))
        plain.append(time.perf_counter() - began)
        pairs = itertools.islice(itertools.cycle(zip(reference, predicted, strict=True)), VIDEOS)
        began = time.perf_counter()
        count = sum(value is not None for value in f_clip(pairs))
        ours.append(time.perf_counter() - began)
        assert count == VIDEOS
    flops = 2 * VIDEOS * REFERENCE * PREDICTED * WIDTH
    return {
        "videos": VIDEOS,
        "frames": [REFERENCE, PREDICTED],
        "width": WIDTH,
        "seconds": round(min(ours), 2),
        "gflops": round(flops / min(ours) / 1e9, 1),
        "blas_gflops": round(flops / min(plain) / 1e9, 1),
        "share_of_blas": round(min(plain) / min(ours), 2),
        "goal_share": 0.5,
    }


def main() -> None:
    """Run the benchmark and print one line of JSON, with or without `--json`."""
    print(json.dumps(measure()))


if __name__ == "__main__":
    main()
