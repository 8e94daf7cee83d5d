"""Loads the templates of HTML and Markdown pages, and the styles, scripts and content security policy of HTML pages.

Every text that a template prints goes through `plain_line` (no control or direction characters) and is escaped. Only
the functions of this module, and Markdown of pages/markdown.py, make text that is not escaped. The policy names style
and script by their hashes, so that markup from elsewhere can neither load nor run anything.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import re
from collections.abc import Callable, Mapping
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from markupsafe import Markup

from pages.markdown import Markdown, escape_markdown
from schemas.repository import DATA
from schemas.safe_text import plain_line

_FOLDER = DATA / "report"
_PICTURE = re.compile(r"data:image/jpeg;base64,[A-Za-z0-9+/=]*")


@functools.cache
def asset(name: str) -> str:
    """The text of a style sheet or script in data/report."""
    return (_FOLDER / name).read_text(encoding="utf-8")


def load_template(name: str, filters: Mapping[str, Callable[..., Any]]) -> Template:
    """Load an HTML template of data/report. It gets `filters`, and the filters `thousands` and `picture`."""
    environment = Environment(
        loader=FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_finalize,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"thousands": lambda value: f"{value:,}", "picture": picture, **filters}
    return environment.get_template(name)


def load_markdown_template(name: str, filters: Mapping[str, Callable[..., Any]]) -> Template:
    """Load a Markdown template of data/. What it prints is escaped for Markdown, except values of type Markdown."""
    environment = Environment(  # noqa: S701 - Markdown, not HTML: `finalize` escapes
        loader=FileSystemLoader(DATA), undefined=StrictUndefined, finalize=_finalize_markdown, trim_blocks=False
    )
    environment.filters |= filters
    return environment.get_template(name)


def policy(style: str, script: str | None = None, *, pictures: bool = True) -> Markup:
    """The content security policy: it allows pictures inside the page, this style, this script, and nothing else."""
    allowed = f"default-src 'none'; {'img-src data:; ' if pictures else ''}style-src 'sha256-{_digest(style)}'; "
    if script is not None:
        allowed += f"script-src 'sha256-{_digest(script)}'; "
    return Markup(f"{allowed}base-uri 'none'; form-action 'none'")  # noqa: S704 - made here, only of hashes


def trusted(text: str) -> Markup:
    """Text of a file of this repository, which a template prints without escaping."""
    return Markup(text)  # noqa: S704 - never called with text from outside


def picture(uri: str) -> Markup:
    """The data URI of a JPEG, which a template prints without escaping. Raises ValueError for any other text."""
    if not _PICTURE.fullmatch(uri):
        raise ValueError("not a JPEG as a data URI")
    return Markup(uri)  # noqa: S704 - only base64


def _digest(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _finalize(value: object) -> object:
    """Prepare a value for printing: Markup stays as it is; other text loses control characters and is then escaped."""
    return plain_line(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _finalize_markdown(value: object) -> str:
    return value if isinstance(value, Markdown) else escape_markdown(str(value))
