"""Asks a model many requests: batches, validation of replies, retries with a changed request, and giving up."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Generic, NamedTuple, TypeVar

from models.chat import ChatModel, Reply, Request, longest_text
from prompts import Prompt
from schemas.errors import TransientError
from schemas.kit.utf8 import REPLACEMENT
from schemas.records import Effort, Maker

T = TypeVar("T")
RAW_LIMIT = 2000
NAMED_FAULTS = frozenset({"prompt_echo", "degenerate_text", "keyframes_alike"})


class BadReply(Exception):
    """A stage cannot use a reply. The message is a slug, with details after a colon."""


class Answer(NamedTuple, Generic[T]):
    """The value of a usable reply, the effort of all its attempts, and the address of its server, if any."""

    value: T
    effort: Effort
    server: str = ""


class GaveUp(NamedTuple):
    """No attempt gave a usable reply: the reason, raw text (at most 2,000 characters) and server of the last one."""

    reason: str
    raw: str
    effort: Effort
    server: str = ""

    def slug(self, otherwise: str) -> str:
        """The reason of a rejection: the faults that people look for by name keep their own, others are `otherwise`."""
        own = self.reason.split(":")[0]
        return own if own in NAMED_FAULTS else otherwise

    def evidence(self) -> str:
        """The reason, the number of attempts and the raw reply as one text."""
        return f"{self.reason} after {self.effort.attempts} attempts; last reply: {self.raw!r}"


class Read(NamedTuple, Generic[T]):
    """The value of one reply, and whether its text had to be repaired."""

    value: T
    repaired: bool


class Question(NamedTuple):
    """What the program asks a model about a whole video when one request holds all of it.

    `text` is the user message; `read` reads an answer as the stage does, and raises BadReply for one that is none.
    """

    text: str
    read: Callable[[str], object]

    def fault(self, answer: str) -> str | None:
        """Why a text could not be an answer to this question, as a slug; None for one that could."""
        try:
            self.read(answer)
        except BadReply as error:
            return str(error).split(":")[0]
        return None


def ask(
    model: ChatModel,
    requests: Sequence[Request],
    read: Callable[[int, str], Read[T]],
    attempts: int,
) -> list[Answer[T] | GaveUp]:
    """Ask every request, in batches of `model.batch` in order, until `read` accepts its reply or `attempts` were made.

    `read(position, text)` returns the value of the reply to requests[position] or raises BadReply. A reply that was cut
    off, is too long for its tokens, or holds characters that are no text counts as failed, whatever it says. Each round
    asks only the failed requests again, with `variant` raised by one. A request that the server refuses is not asked
    again. Returns one outcome per request, in order. Raises TransientError("model_failed") when the engine had to give
    up a request for now; the replies to the other requests are in the cache by then.
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
                _require_whole(requests[i], reply)
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


def _require_whole(request: Request, reply: Reply) -> None:
    if len(reply.text) > (longest := longest_text(request)):
        raise BadReply(f"too_long: more than {longest} characters for at most {request.max_tokens} tokens")
    if reply.finish != "stop":
        raise BadReply("cut_off")
    if REPLACEMENT in reply.text:  # its bytes were no text, so what stood there is not known
        raise BadReply("broken_characters")


def maker(prompt: Prompt, model: ChatModel) -> Maker:
    """The record of the prompt and the model that make a text."""
    return Maker(
        prompt=prompt.id,
        prompt_sha256=prompt.sha256,
        model=model.name,
        revision=model.revision,
        sampling=dict(model.sampling),
    )


def _variant(request: Request, attempt: int) -> Request:
    return request._replace(variant=request.variant + attempt)


def _complete(model: ChatModel, requests: Sequence[Request]) -> list[Reply]:
    replies: list[Reply] = []
    for start in range(0, len(requests), max(1, model.batch)):
        replies += model.complete(requests[start : start + max(1, model.batch)])
    return replies
