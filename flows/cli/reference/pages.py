"""All pages of docs/reference that are made from the code."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from curation.store.files import write_whole
from flows.cli.reference import api, columns, commands, documents, exit_codes, keys, reasons
from schemas.repository import ROOT

FOLDER = ROOT / "docs" / "reference"
PAGES: Mapping[str, Callable[[], str]] = {
    "curate-keys.md": keys.curate,
    "train-keys.md": keys.train,
    "commands.md": commands.render,
    "columns.md": columns.render,
    "reasons.md": reasons.render,
    "exit-codes.md": exit_codes.render,
    "documents.md": documents.render,
    "api.md": api.render,
}


def write() -> None:
    """Write every page anew."""
    FOLDER.mkdir(exist_ok=True)
    for name, render in PAGES.items():
        write_whole(FOLDER / name, render())
