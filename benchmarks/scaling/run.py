"""Measures how time, memory and disk of a run grow with its videos: the real pipeline with an instant model.

    python -m benchmarks scale [--sizes 300 3000 30000] [--films DIR] [--folder DIR] [--out docs/results]

Films, decoders, store, ledger, reply cache, audits, export and Prefect's server are real; only the models answer at
once. Each size is a process of its own and prints a line of JSON. Baseline: the size before. `exponent` is the slope
between the two in a log-log plot: 1 is linear. A film has 183 frames, as the mean video of
Instruct-V2Xum has seconds. 30,000 films take 4 GB and hours of two cores. `--out` keeps the rows in scale.json beside
the page; another size can be added later. With `--folder` a measurement that was stopped (Ctrl-C, SIGTERM) goes on
where it was; what its sittings took is added up. A fixed piece of work is timed beside it all the while, so that hours
in which the machine was slow can be told from growth (reference.py).
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import shutil
import signal
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from benchmarks.instant import trivial_videos
from benchmarks.scaling.growth import EXPONENTS, exponent, measure
from benchmarks.scaling.page import page, plots

SIZES = (300, 3_000, 30_000)
FRAMES = 183


def grown(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows in order of their videos, each with the exponents of time since the one before."""
    rows = sorted(({**row, **dict.fromkeys(EXPONENTS)} for row in rows), key=lambda row: row["videos"])
    for before, after in itertools.pairwise(rows):
        after |= {name: exponent(before, after, figure) for name, figure in EXPONENTS.items()}
    return rows


def main() -> None:
    """Run the benchmark and print a line of JSON for each size."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks scale", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="*", default=SIZES, help="numbers of videos; none: the page alone")
    parser.add_argument("--films", type=Path, help="a folder for the films, which is kept")
    parser.add_argument("--folder", type=Path, help="for all files of a size until it is measured: a run goes on there")
    parser.add_argument("--out", type=Path, help="a folder for scale.json and the page")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    if options.out:
        options.out.mkdir(parents=True, exist_ok=True)
    kept = options.out / "scale.json" if options.out else None
    found = {row["videos"]: row for row in json.loads(kept.read_text())} if kept and kept.exists() else {}
    with ExitStack() as closing:
        films = options.films or Path(closing.enter_context(tempfile.TemporaryDirectory()))
        for videos in sorted(options.sizes):
            if len(list(films.glob("*.mp4"))) < videos:
                trivial_videos(films, videos, FRAMES)
            with ExitStack() as done:
                folder = Path(done.enter_context(tempfile.TemporaryDirectory()))
                if options.folder:
                    folder = options.folder.resolve() / str(videos)
                    folder.mkdir(parents=True, exist_ok=True)
                found[videos] = {"cores": os.cpu_count(), **measure(videos, films, folder)}
            rows = grown(list(found.values()))
            print(json.dumps(next(row for row in rows if row["videos"] == videos)), flush=True)
            if kept:
                kept.write_text(json.dumps(rows, indent=1) + "\n")
            if options.folder:
                shutil.rmtree(folder)
    if options.out and len(found) > 1:
        rows = grown(list(found.values()))
        (options.out / "scale.md").write_text(page(rows))
        for name, drawing in plots(rows).items():
            (options.out / name).write_text(drawing)


if __name__ == "__main__":
    main()
