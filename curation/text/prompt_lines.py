"""Makes text from outside safe for a prompt: one line each, no brackets that look like times."""

from __future__ import annotations

import re
from collections.abc import Iterable

from prompts import Prompt
from schemas.safe_text import clean_text
from schemas.time import plain_seconds

_TIME_BRACKET = re.compile(r"\[([\s,.0-9]*[0-9][\s,.0-9]*)\]", re.ASCII)


def prompt_line(times: Iterable[float], caption: str) -> str:
    """One line of a prompt, `[3,4] caption`; brackets in the caption that could pose as times become parentheses.

    `times` in seconds. The caption stays on its line whatever it holds.
    """
    inert = _TIME_BRACKET.sub(r"(\1)", clean_text(caption))
    return f"[{','.join(plain_seconds(t) for t in times)}] {inert}"


def json_number(seconds: float) -> int | float:
    """A time as a JSON schema and its replies write it: 12 or 12.5."""
    return int(seconds) if float(seconds).is_integer() else float(seconds)


def render(prompt: Prompt, **values: str | int | float) -> str:
    """The user message; a prompt may leave out a variable that is offered, but not name one that is not."""
    return prompt.render(**{name: value for name, value in values.items() if name in prompt.variables})
