"""Writes the differences of two releases as a page and as JSON, each in one step."""

from __future__ import annotations

from pathlib import Path

from curation.release.diff.compare import Compared
from curation.release.diff.page import render_page
from curation.store.files import write_whole
from schemas.errors import ConfigError

PAGE, DOCUMENT = "diff.html", "diff.json"


def write_pages(compared: Compared, out: Path) -> Path:
    """Write diff.html and diff.json into the folder `out`, which is made; returns the page. Raises ConfigError."""
    if out.exists() and not out.is_dir():
        raise ConfigError(f"{out} is a file: name a folder for the page")
    write_whole(out / DOCUMENT, compared.diff.model_dump_json() + "\n")
    write_whole(out / PAGE, render_page(compared))
    return out / PAGE
