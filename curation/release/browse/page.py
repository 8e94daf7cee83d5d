"""Writes the page itself: one HTML file, its style and its scripts, which are the same for every release."""

from __future__ import annotations

from pathlib import Path

from curation.release.browse.release_rows import Listed
from pages.templates import asset, load_template, trusted

# `file:` stands for the page's own files where it is opened without a server: not every browser counts them as 'self'.
POLICY = (
    "default-src 'none'; script-src 'self' file:; style-src 'self' file:; img-src 'self' file:; base-uri 'none'; "
    "form-action 'none'"
)
STYLES = ("report.css", "browse/browse.css")
SCRIPTS = ("text", "links", "load", "rows", "state", "filters", "list", "sample", "main")  # in the order of loading


def write_page(folder: Path, manifest: Listed, rows: int) -> None:
    """Write index.html and assets/ below `folder`; `rows` is how many samples it shows."""
    assets = folder / "assets"
    assets.mkdir()
    _text(assets / "browse.css", "\n".join(map(asset, STYLES)))
    for name in SCRIPTS:
        _text(assets / f"{name}.js", asset(f"browse/{name}.js"))
    _text(assets / "icon.svg", asset("browse/icon.svg"))
    page = load_template("browse/index.html.jinja", {})
    text = page.render(
        title=manifest.title or manifest.name,
        version=manifest.version,
        licence=manifest.licence,
        rows=rows,
        policy=trusted(POLICY),
        scripts=SCRIPTS,
    )
    _text(folder / "index.html", text)


def _text(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8", newline="\n")
