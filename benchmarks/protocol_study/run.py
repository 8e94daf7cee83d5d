"""What a number is worth under each protocol: people, chance and an oracle on the real annotations of TVSum and SumMe.

    python -m benchmarks protocols --groundtruth DIR [--out docs/results] [--draws 1000] [--json]

`DIR` holds `tvsum/` and `summe/` as docs/results/protocols.md says; with `--out` that page and its plot are written.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from benchmarks.protocol_study.page import report
from schemas.errors import ConfigError


def main() -> None:
    """Print the figures as one line of JSON."""
    parser = argparse.ArgumentParser(prog="v2xum bench protocols", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--groundtruth", type=Path, required=True, help="folder with tvsum/ and summe/")
    parser.add_argument("--out", type=Path, help="write protocols.md and protocols.svg here")
    parser.add_argument("--draws", type=int, default=1000, help="random scores a video")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true", help="one line; it is how this always answers")
    options = parser.parse_args()
    try:
        found = report(options.groundtruth, options.out, draws=options.draws, seed=options.seed)
    except ConfigError as error:
        sys.exit(f"v2xum: {error}")
    print(json.dumps(found))


if __name__ == "__main__":
    main()
