"""Measures local attention: time and memory over T frames, against full attention under a band mask of T x T.

    python -m benchmarks local_attention [--window 5] [--full 4000]

12 heads of 64 numbers, a batch of one, without gradients; each measurement is a process of its own on one thread. Local
attention runs at T = 1,000, 4,000 and 16,000. Baseline: scaled_dot_product_attention with the mask, to `--full` frames.
"""

from __future__ import annotations

import argparse
import json
import time
from typing import Any

from benchmarks.processes import in_fresh_process, peak_memory

FRAMES = (1_000, 4_000, 16_000)
HEADS, SIZE, REPEATS = 12, 64, 5


def measure(window: int, most_full: int) -> dict[str, Any]:
    """Seconds (the best of five) and MB above those of the inputs, by the number of frames."""
    local = {frames: in_fresh_process(_run, frames, window, False) for frames in FRAMES}
    full = {frames: in_fresh_process(_run, frames, window, True) for frames in FRAMES if frames <= most_full}
    few, many = local[FRAMES[0]], local[FRAMES[-1]]
    return {
        "window": window,
        "frames_ratio": FRAMES[-1] / FRAMES[0],
        "local": local,
        "masked_full": full,
        "time_ratio": round(many["seconds"] / few["seconds"], 1),
        "memory_ratio": round(many["mb"] / few["mb"], 1),
        "faster_than_masked_full": {n: round(full[n]["seconds"] / local[n]["seconds"], 1) for n in full},
    }


def _run(frames: int, window: int, full: bool, answer: Any) -> None:
    import torch
    from torch.nn.functional import scaled_dot_product_attention

    from models.summarizers.attention import local_attention

    torch.set_num_threads(1)
    query, key, value = torch.randn(3, 1, frames, HEADS, SIZE).unbind(0)
    mask = torch.ones(1, frames, dtype=torch.bool)

    def once() -> None:
        if not full:
            local_attention(query, key, value, mask, window)
            return
        place = torch.arange(frames)
        band = (place[:, None] - place).abs() <= window // 2
        q, k, v = query.transpose(1, 2), key.transpose(1, 2), value.transpose(1, 2)
        scaled_dot_product_attention(q, k, v, attn_mask=band)

    with torch.inference_mode():
        local_attention(query[:, :64], key[:, :64], value[:, :64], mask[:, :64], window)  # loads the kernels
        before, times = peak_memory(), []
        for _ in range(REPEATS):
            began = time.perf_counter()
            once()
            times.append(time.perf_counter() - began)
    answer.send({"seconds": round(min(times), 5), "mb": round(peak_memory() - before, 1)})


def main() -> None:
    """Run the benchmark and print one line of JSON, with or without `--json`."""
    parser = argparse.ArgumentParser(prog="v2xum bench local_attention", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--window", type=int, default=5)
    parser.add_argument("--full", type=int, default=4_000, help="the most frames of the baseline")
    options = parser.parse_args()
    print(json.dumps(measure(options.window, options.full)))


if __name__ == "__main__":
    main()
