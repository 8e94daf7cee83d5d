"""Runs the protocol study: people, random scores and an oracle under each protocol, on annotations of TVSum and SumMe.

    python -m benchmarks protocols --groundtruth DIR [--out docs/results] [--draws 1000] [--json]

`DIR` has the folders `tvsum` and `summe` as in figures.py. `--out` writes the page protocols.md and its plot.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from benchmarks.protocol_study.page import report
from schemas.errors import ConfigError


def main() -> None:
    """Run the study and print the figures as one line of JSON, with or without `--json`."""
    parser = argparse.ArgumentParser(prog="v2xum bench protocols", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--groundtruth", type=Path, required=True, help="folder with tvsum/ and summe/")
    parser.add_argument("--out", type=Path, help="write protocols.md and protocols.svg here")
    parser.add_argument("--draws", type=int, default=1000, help="draws of random scores for each video")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true", help="print one line of JSON, which is also the default")
    options = parser.parse_args()
    try:
        figures = report(options.groundtruth, options.out, draws=options.draws, seed=options.seed)
    except ConfigError as error:
        sys.exit(f"v2xum: {error}")
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
