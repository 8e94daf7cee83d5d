"""Asking a model: batches, validation, retries that change the request, and giving up with the raw reply.

Also what the stages that ask share: cleaning of model text, captions as prompt lines that cannot pose as
another line, and the splitting of lines into windows that fit the model's context.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from typing import Generic, NamedTuple, TypeVar

from models.chat import ChatModel, Reply, Request
from prompts import Prompt
from schemas.errors import PermanentError, TransientError
from schemas.records import Effort, Maker
from schemas.time import plain_seconds

T = TypeVar("T")
RAW_LIMIT = 2000
# Bidirectional overrides and isolates reorder what a reader sees; byte order marks are invisible.
_INVISIBLE = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff")
_TIME_BRACKET = re.compile(r"\[([\s,.0-9]*[0-9][\s,.0-9]*)\]", re.ASCII)


class BadReply(Exception):
    """A reply that a stage cannot use; the message is a slug, with details after a colon."""


class Answer(NamedTuple, Generic[T]):
    """A reply that was understood, what it cost with all its attempts, and the server that gave it, if one did."""

    value: T
    effort: Effort
    server: str = ""


class GaveUp(NamedTuple):
    """No attempt gave a usable reply: the last reason, raw text (at most 2,000 characters) and server."""

    reason: str
    raw: str
    effort: Effort
    server: str = ""

    def evidence(self) -> str:
        """Reason, attempts and raw reply in one text."""
        return f"{self.reason} after {self.effort.attempts} attempts; last reply: {self.raw!r}"


class Read(NamedTuple, Generic[T]):
    """The meaning of one reply, and whether its text had to be repaired for it."""

    value: T
    repaired: bool


def ask(
    model: ChatModel,
    requests: Sequence[Request],
    read: Callable[[int, str], Read[T]],
    attempts: int,
) -> list[Answer[T] | GaveUp]:
    """Ask every request, in batches of `model.batch` in order, until `read` accepts or `attempts` are used up.

    `read(position, text)` gives the meaning of the reply to requests[position] or raises BadReply. A reply that was
    cut off is a failure whatever it says. Each round asks again only what failed, with `variant` raised by one; what
    the server refuses is not asked again. Raises TransientError("model_failed") when the engine had to give a request
    up for now; the replies to the others are in the cache by then.
    """
    efforts = [Effort()] * len(requests)
    outcomes: dict[int, Answer[T] | GaveUp] = {}
    pending = list(range(len(requests)))
    for attempt in range(attempts):
        replies = _complete(model, [_variant(requests[i], attempt) for i in pending])
        failed: list[int] = []
        for i, reply in zip(pending, replies, strict=True):
            efforts[i] += Effort(tokens_in=reply.tokens_in, tokens_out=reply.tokens_out, attempts=1)
            if reply.finish == "failed":
                raise TransientError("model_failed", f"request {i + 1} of {len(requests)}: {reply.text}")
            if reply.finish == "refused":
                outcomes[i] = GaveUp(f"refused: {reply.text}"[:RAW_LIMIT], "", efforts[i], reply.server)
                continue
            try:
                if reply.finish != "stop":
                    raise BadReply("cut_off")
                value, repaired = read(i, reply.text)
            except BadReply as error:
                outcomes[i] = GaveUp(str(error), reply.text[:RAW_LIMIT], efforts[i], reply.server)
                failed.append(i)
            else:
                outcomes[i] = Answer(value, efforts[i] + Effort(repaired=repaired), reply.server)
        if not failed:
            break
        pending = failed
    return [outcomes[i] for i in range(len(requests))]


def clean(text: str) -> Read[str]:
    """Model text as one line: white space collapsed, control and invisible characters removed."""
    kept = "".join(c for c in text if c.isspace() or not _unwanted(c))
    value = " ".join(kept.split())
    return Read(value, value != text)


def prompt_line(times: Iterable[float], caption: str) -> str:
    """One line of a prompt, `[3,4] caption`; brackets in the caption that could pose as times become parentheses.

    `times` in seconds. The caption stays on its line whatever it holds.
    """
    inert = _TIME_BRACKET.sub(r"(\1)", clean(caption).value)
    return f"[{','.join(plain_seconds(t) for t in times)}] {inert}"


def maker(prompt: Prompt, model: ChatModel) -> Maker:
    """The record of what makes a text."""
    return Maker(
        prompt=prompt.id,
        prompt_sha256=prompt.sha256,
        model=model.name,
        revision=model.revision,
        sampling=dict(model.sampling),
    )


def json_number(seconds: float) -> int | float:
    """A time as a JSON schema and its replies write it: 12 or 12.5."""
    return int(seconds) if float(seconds).is_integer() else float(seconds)


def render(prompt: Prompt, **values: str | int | float) -> str:
    """The user message; a prompt may leave out a variable that is offered, but not name one that is not."""
    return prompt.render(**{name: value for name, value in values.items() if name in prompt.variables})


def windows(
    size: int,
    fits: Callable[[range], bool],
    largest: int | None = None,
    overlap: int = 0,
) -> list[range]:
    """Split positions 0..size-1 into the fewest nearly equal consecutive windows that each fit.

    `fits` judges a window (by tokens), `largest` limits its length; `overlap` positions of the window before are
    repeated at the start of each, at most half a window. Raises PermanentError("prompt_too_long") when a single
    position does not fit.
    """
    count = 1
    while True:
        cores = [range(i * size // count, (i + 1) * size // count) for i in range(count)]
        split = [range(max(0, core.start - min(overlap, len(core) - 1)), core.stop) for core in cores]
        if all((largest is None or len(window) <= largest) and fits(window) for window in split):
            return split
        if count == size:
            raise PermanentError("prompt_too_long", "a single caption and the reply exceed the model's context")
        count = min(size, max(count + 1, count * 5 // 4))


def shares(total: int, sizes: Sequence[int]) -> list[int]:
    """Whole numbers that sum to `total`, in proportion to `sizes`, each off by less than one (cumulative rounding)."""
    whole, done, given = sum(sizes), 0, []
    for size in sizes:
        given.append(total * (done + size) // whole - total * done // whole)
        done += size
    return given


def _unwanted(character: str) -> bool:
    return character in _INVISIBLE or unicodedata.category(character) in ("Cc", "Cs")


def _variant(request: Request, attempt: int) -> Request:
    return request._replace(variant=request.variant + attempt)


def _complete(model: ChatModel, requests: Sequence[Request]) -> list[Reply]:
    replies: list[Reply] = []
    for start in range(0, len(requests), max(1, model.batch)):
        replies += model.complete(requests[start : start + max(1, model.batch)])
    return replies
