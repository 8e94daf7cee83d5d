"""The README of a format: what its files are, and how a training with it is started."""

from __future__ import annotations

from pathlib import Path

from curation.release.formats.models import TRAIN
from pages.templates import load_markdown_template
from schemas.release import ReleaseManifest

README = "README.md"


def write_readme(folder: Path, name: str, manifest: ReleaseManifest) -> None:
    """Write the README by the template data/formats/NAME.md.j2."""
    template = load_markdown_template(f"formats/{name}.md.j2", {})
    splits = [each.split for each in manifest.splits]
    text = template.render(m=manifest, choice=manifest.formats, first_split=splits[0], has_train=TRAIN in splits)
    (folder / README).write_text(text.rstrip("\n") + "\n", encoding="utf-8", newline="\n")
