"""What every report page is made of: templates and style of data/report, escaping, a policy that lets nothing else in.

Every text that a template prints goes through `plain_line` (no control or direction characters) and is escaped; what
may not be escaped is made here. The policy names style and script by their hashes, so that markup which came in some
other way could neither load nor run anything.
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

from schemas.repository import DATA
from schemas.safe_text import plain_line

_FOLDER = DATA / "report"
_PICTURE = re.compile(r"data:image/jpeg;base64,[A-Za-z0-9+/=]*")


@functools.cache
def asset(name: str) -> str:
    """A style sheet or script of data/report."""
    return (_FOLDER / name).read_text(encoding="utf-8")


def load_template(name: str, filters: Mapping[str, Callable[..., Any]]) -> Template:
    """A template of data/report with these filters, and `thousands` and `picture`."""
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


def policy(style: str, script: str | None = None, *, pictures: bool = True) -> Markup:
    """The content security policy: pictures inside the page, this style and this script, nothing else."""
    allowed = f"default-src 'none'; {'img-src data:; ' if pictures else ''}style-src 'sha256-{_digest(style)}'; "
    if script is not None:
        allowed += f"script-src 'sha256-{_digest(script)}'; "
    return Markup(f"{allowed}base-uri 'none'; form-action 'none'")  # noqa: S704 - made here, from hashes alone


def ours(text: str) -> Markup:
    """Text of a file of this repository, printed as it is."""
    return Markup(text)  # noqa: S704 - never called with what came from outside


def picture(uri: str) -> Markup:
    """A data URI of a JPEG, unescaped. Raises ValueError for anything else."""
    if not _PICTURE.fullmatch(uri):
        raise ValueError("not a JPEG as a data URI")
    return Markup(uri)  # noqa: S704 - base64 alone


def _digest(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _finalize(value: object) -> object:
    """What a template prints: text of ours as it is, any other text without control characters (then escaped)."""
    return plain_line(value) if isinstance(value, str) and not isinstance(value, Markup) else value
