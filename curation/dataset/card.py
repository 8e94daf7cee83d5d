"""The dataset card: a README with the YAML header that the Hub reads and the statistics that people read.

The template escapes everything that it prints by default, so that no title, model name or reason can add markup. Only
text that this module makes is printed unescaped.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Mapping
from typing import Any

import yaml
from jinja2 import Template

from curation.dataset.licences import hub_licence
from pages.markdown import Markdown
from pages.templates import load_markdown_template
from schemas.manifest import Manifest
from schemas.safe_text import plain_line

_SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))


def render_card(manifest: Manifest, example: dict[str, Any] | None, languages: tuple[str, ...] = ("en",)) -> str:
    """The README of an export. `example` is a published row to quote, `languages` are the languages of the texts."""
    first = manifest.splits[0].split if manifest.splits else "train"
    files: dict[str, str] = {item.split: f"data/{item.split}-*.parquet" for item in manifest.splits}
    text = load_card("card.md.j2").render(
        m=manifest,
        header=Markdown(card_header(manifest, languages, {"default": files} if files else {}, _content(manifest))),
        example=example,
        first_split=Markdown(first),
        all_rejections=Markdown("`rejections.jsonl`"),
    )
    return text.rstrip("\n") + "\n"


def card_header(
    manifest: Manifest, languages: tuple[str, ...], configurations: Mapping[str, Mapping[str, str]], content: str
) -> str:
    """The YAML header that the Hub reads. `configurations`: name -> split -> pattern of its files.

    `content` identifies the rows. `datasets` (5.2) keeps what it has loaded from a folder under the folder's name and
    these entries alone: without it `load_dataset` would go on to give the rows of an earlier export.
    """
    fields: dict[str, Any] = {
        **({"pretty_name": plain_line(manifest.title)} if manifest.title is not None else {}),
        **hub_licence(manifest.licence),
        **({"language": [plain_line(language) for language in languages]} if languages else {}),
        "task_categories": ["video-text-to-text", "summarization"],
        "tags": ["video", "video-summarization", "cross-modal", "machine-generated"],
        "size_categories": [next((name for bound, name in _SIZES if manifest.samples < bound), "n>1M")],
    }
    if configurations:
        fields["configs"] = [
            {
                "config_name": name,
                "description": f"content {content}",
                "data_files": [{"split": split, "path": path} for split, path in files.items()],
            }
            for name, files in configurations.items()
        ]
    return "---\n" + yaml.safe_dump(fields, sort_keys=False, allow_unicode=True) + "---"


def _content(manifest: Manifest) -> str:
    shards = "".join(f"{file.path} {file.sha256}\n" for file in manifest.files if file.path.endswith(".parquet"))
    return hashlib.sha256(shards.encode()).hexdigest()[:16]


@functools.cache
def load_card(name: str) -> Template:
    """A template of data/ for a card, with the filter `number`."""
    return load_markdown_template(name, {"number": _number})


def _number(value: float) -> Markdown:
    return Markdown(f"{value:,.4g}" if value < 1 else f"{value:,.1f}")
