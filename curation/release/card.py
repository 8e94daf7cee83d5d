"""The card of a release: a README with the header that the Hub reads; and CITATION.cff beside it.

As in the export's card, everything that the template prints is escaped unless this module made it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import yaml

from curation.dataset.card import card_header, load_card
from curation.release.configurations.registry import CONFIGURATIONS
from curation.release.gate import error_rate
from pages.markdown import Markdown
from schemas.release import ReleaseManifest
from schemas.safe_text import plain_line

CITATION = "CITATION.cff"


def render_card(manifest: ReleaseManifest, example: Mapping[str, Any] | None, languages: tuple[str, ...]) -> str:
    """The README of a release. `example` is a row of `full` to quote, `languages` are the languages of the texts."""
    files = {
        each.name: {split.split: f"{each.name}/{split.split}-*.parquet" for split in each.splits}
        for each in manifest.configurations
        if each.splits
    }
    text = load_card("release_card.md.j2").render(
        m=manifest,
        header=Markdown(card_header(manifest, languages, files, manifest.made_from[:16])),
        example=example,
        first_split=Markdown(manifest.splits[0].split),
        configurations=manifest.configurations,
        shows={each.name: each.shows for each in CONFIGURATIONS},
        rate=error_rate(manifest.review),
        bibtex=Markdown(_bibtex(manifest)),
        all_rejections=Markdown("the configuration `rejections`"),
    )
    return text.rstrip("\n") + "\n"


def render_citation(manifest: ReleaseManifest) -> str:
    """CITATION.cff (Citation File Format 1.2.0) of a release. It has no date: equal ledgers give equal bytes."""
    fields: dict[str, Any] = {
        "cff-version": "1.2.0",
        "message": "If you use this dataset, please cite it as below.",
        "type": "dataset",
        "title": _title(manifest),
        "version": manifest.version,
        "authors": [{"name": _makers(manifest)}],
    }
    return yaml.safe_dump(fields, sort_keys=False, allow_unicode=True)


def _bibtex(manifest: ReleaseManifest) -> str:
    """A BibTeX entry; of the title it has what needs no escape in BibTeX or Markdown."""
    title = re.sub(r"[^\w .,:()'&+-]", " ", _title(manifest)).replace("&", "\\&").strip()
    key = re.sub(r"[^A-Za-z0-9]", "", manifest.name)
    lines = (f"title = {{{title}}}", f"author = {{{{{_makers(manifest)}}}}}", f"note = {{Version {manifest.version}}}")
    return f"@misc{{{key},\n  " + ",\n  ".join(lines) + "\n}"


def _title(manifest: ReleaseManifest) -> str:
    return plain_line(manifest.title or "") or manifest.name


def _makers(manifest: ReleaseManifest) -> str:
    return f"The makers of {manifest.name}"
