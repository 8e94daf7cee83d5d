"""Writes docs/reference: `python -m flows.cli.reference`."""

from __future__ import annotations

from flows.cli.reference.pages import write

if __name__ == "__main__":
    write()
