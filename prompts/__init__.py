"""Loads prompts, which are text files `NAME.vN.md` with strict variables; every row records its prompts' hashes.

A prompt that has made a published row is never edited: write `NAME.v2.md`. Templates are jinja2 with
`StrictUndefined`; values are data and are never expanded as templates.
"""

from __future__ import annotations

import hashlib
import re
from functools import cache
from pathlib import Path
from typing import NamedTuple

import jinja2
from jinja2 import meta

from schemas.errors import PromptError

FOLDER = Path(__file__).parent
_TEMPLATE = re.compile(r"{{.*?}}|{%.*?%}|{#.*?#}", re.DOTALL)
_ENVIRONMENT = jinja2.Environment(undefined=jinja2.StrictUndefined, autoescape=False, keep_trailing_newline=False)  # noqa: S701


class Prompt(NamedTuple):
    """A prompt file: its id (such as `caption.v1`), its text, the SHA-256 of its bytes, and its variables."""

    id: str
    text: str
    sha256: str
    variables: frozenset[str]

    @property
    def own(self) -> str:
        """The prompt's own text: what it says whatever the values of its variables are."""
        return _TEMPLATE.sub("\n", self.text)

    def render(self, **values: str | int | float) -> str:
        """The user message with these values. Raises PromptError unless exactly the declared variables are given."""
        given = frozenset(values)
        if given != self.variables:
            missing, unknown = sorted(self.variables - given), sorted(given - self.variables)
            raise PromptError(f"prompt {self.id}: missing variables {missing}, unknown variables {unknown}")
        return _template(self.text).render(values).strip()


def load(prompt_id: str, folder: Path = FOLDER) -> Prompt:
    """Read a prompt by its id (`caption.v1`), or by the path of a .md file of the user.

    Raises PromptError when there is no such file; the message lists the known prompts.
    """
    path = Path(prompt_id) if prompt_id.endswith(".md") else folder / f"{prompt_id}.md"
    if not path.is_file():
        known = ", ".join(sorted(p.stem for p in folder.glob("*.md")))
        raise PromptError(f"no prompt {prompt_id!r}; known prompts: {known}; or give the path of a .md file")
    raw = path.read_bytes()
    return _parse(path.stem, raw)


@cache
def _parse(prompt_id: str, raw: bytes) -> Prompt:
    text = raw.decode()
    try:
        variables = meta.find_undeclared_variables(_ENVIRONMENT.parse(text))
    except jinja2.TemplateSyntaxError as error:
        raise PromptError(f"prompt {prompt_id}, line {error.lineno}: {error.message}") from error
    return Prompt(prompt_id, text, hashlib.sha256(raw).hexdigest(), frozenset(variables))


@cache
def _template(text: str) -> jinja2.Template:
    return _ENVIRONMENT.from_string(text)
