"""Where the files of the program lie, in a checkout and in an installed wheel, and where it keeps what it fetches."""

from __future__ import annotations

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
DATA = ROOT / "data"


def kept_folder(root: Path = ROOT) -> Path:
    """The folder for what is fetched or computed once: data/runs of a checkout, else `v2xum` in the user's cache.

    An installed program lies among packages, where it may not write, and where an upgrade would delete it.
    """
    if (root / "pyproject.toml").is_file():
        return root / "data" / "runs"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "v2xum"


KEPT = kept_folder()
