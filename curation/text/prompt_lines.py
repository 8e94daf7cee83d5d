"""Lines of prompts: times and captions, where text from outside stays one line and cannot imitate times."""

from __future__ import annotations

import re
from collections.abc import Iterable

from prompts import Prompt
from schemas.safe_text import clean_text
from schemas.time import plain_seconds

_TIME_BRACKET = re.compile(r"\[([\s,.0-9]*[0-9][\s,.0-9]*)\]", re.ASCII)


def prompt_line(times: Iterable[float], caption: str) -> str:
    """One line of a prompt, such as `[3,4] caption`; `times` are in seconds.

    The caption is always one line. Brackets in it that look like times become parentheses.
    """
    return f"[{','.join(plain_seconds(t) for t in times)}] {inert(caption)}"


def inert(text: str) -> str:
    """A text of somebody else as one line in which no bracket looks like times."""
    return _TIME_BRACKET.sub(r"(\1)", clean_text(text))


def json_number(seconds: float) -> int | float:
    """A time in seconds as the JSON schema and the replies write it: 12 or 12.5."""
    return int(seconds) if float(seconds).is_integer() else float(seconds)


def render(prompt: Prompt, **values: str | int | float) -> str:
    """The user message of a prompt. The prompt need not use all `values`, but it may use no other variable."""
    return prompt.render(**{name: value for name, value in values.items() if name in prompt.variables})
