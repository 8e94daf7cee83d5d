"""How to cite a release: CITATION.cff (Citation File Format 1.2.0) and the same as BibTeX.

Authors, date and address are what the makers state (`export.authors`, `export.date`, `export.url`); nothing is made up,
so a release whose makers state no date has none.
"""

from __future__ import annotations

import re
from typing import Any

import yaml

from curation.dataset.licences import spdx_licence
from curation.release.card.published import PAPER
from schemas.configuration.config import ExportConfig
from schemas.release import ReleaseManifest
from schemas.safe_text import plain, plain_line

CITATION = "CITATION.cff"
_AUTHORS_SHOWN = 20
_UNKNOWN_TO_CFF = {"CDLA-Permissive-2.0"}  # younger than the list of licences in the format's schema 1.2.0
# The dataset whose tasks, instructions and record a release follows.
_FOLLOWED: dict[str, Any] = {
    "type": "article",
    "title": "V2Xum-LLM: Cross-Modal Video Summarization with Temporal Prompt Instruction Tuning",
    "authors": [
        {"family-names": "Hua", "given-names": "Hang"},
        {"family-names": "Tang", "given-names": "Yunlong"},
        {"family-names": "Xu", "given-names": "Chenliang"},
        {"family-names": "Luo", "given-names": "Jiebo"},
    ],
    "year": 2024,
    "identifiers": [{"type": "other", "value": "arXiv:2404.12353", "description": "the arXiv preprint"}],
    "url": PAPER,
    "notes": "The tasks, the instructions and the form of the records come from this work; none of its data is here.",
}


def render_citation(manifest: ReleaseManifest, stated: ExportConfig) -> str:
    """CITATION.cff of a release; equal manifests and statements give equal bytes."""
    licence = spdx_licence(manifest.licence)
    fields: dict[str, Any] = {
        "cff-version": "1.2.0",
        "message": "If you use this dataset, please cite it as below.",
        "type": "dataset",
        "title": title(manifest),
        "version": manifest.version,
        **({"date-released": stated.date} if stated.date is not None else {}),
        "authors": [{"name": name} for name in authors(manifest, stated)],
        **({"license": licence} if licence not in (None, *_UNKNOWN_TO_CFF) else {}),
        **({"url": stated.url} if stated.url is not None else {}),
        "references": [_FOLLOWED],
    }
    return yaml.safe_dump(fields, sort_keys=False, allow_unicode=True)


def render_bibtex(manifest: ReleaseManifest, stated: ExportConfig) -> str:
    """A BibTeX entry; names and the title have only what needs no escape in BibTeX or Markdown."""
    names = authors(manifest, stated)
    shown = [f"{{{_bare(name)}}}" for name in names[:_AUTHORS_SHOWN]] + ["others"] * (len(names) > _AUTHORS_SHOWN)
    lines = [
        f"title = {{{_bare(title(manifest))}}}",
        f"author = {{{' and '.join(shown)}}}",
        *([f"year = {{{stated.date:%Y}}}", f"month = {stated.date.month}"] if stated.date is not None else []),
        *([f"url = {{{stated.url}}}"] if stated.url is not None else []),
        f"note = {{Version {manifest.version}}}",
    ]
    key = re.sub(r"[^A-Za-z0-9]", "", manifest.name) or "dataset"
    return f"@misc{{{key},\n  " + ",\n  ".join(lines) + "\n}"


def title(manifest: ReleaseManifest) -> str:
    """The title that the makers state, as one line, else the name of the run."""
    return plain(manifest.title or "", 300) or manifest.name


def authors(manifest: ReleaseManifest, stated: ExportConfig) -> list[str]:
    """The authors that the makers state; else the makers of the run, by its name."""
    return [name for author in stated.authors if (name := plain_line(author))] or [f"The makers of {manifest.name}"]


def _bare(text: str) -> str:
    kept = " ".join(re.sub(r"[^\w .,:()'&+-]", " ", text).split())
    return kept.replace("&", "\\&").replace("_", "\\_") or "Untitled"
