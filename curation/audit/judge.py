"""The optional judge of the sample audit: a language model scores a summary by a rubric, from the keyframes' captions.

Captions and summary are data. Each of their lines begins with its own times in brackets and stays one line, so that
none can imitate another line or a heading of the prompt.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict, ValidationError

from curation.audit.formulas import mean
from curation.text.ask import BadReply, GaveUp, Read, ask, maker
from curation.text.prompt_lines import prompt_line, render
from models.chat import ChatModel, JsonSchema, Request
from prompts import Prompt
from schemas.audit import Criterion, Rating
from schemas.configuration.config import AuditConfig
from schemas.records import Effort, Sentence
from schemas.safe_text import plain_line
from schemas.time import Seconds

CRITERIA = ("faithful", "complete", "placed", "concise", "fluent")
LONGEST_REASON = 300


class Judged(NamedTuple):
    """The rating; or None and the reason why there is no rating; and the effort."""

    rating: Rating | None
    reason: str
    effort: Effort


class _Item(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)
    reason: str
    score: int


class _Reply(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)
    faithful: _Item
    complete: _Item
    placed: _Item
    concise: _Item
    fluent: _Item


def schema_of() -> JsonSchema:
    """The JSON schema of a reply. The reason comes before the score, so that the model derives the score from it."""
    item = {
        "type": "object",
        "properties": {
            "reason": {"type": "string", "minLength": 1, "maxLength": LONGEST_REASON},
            "score": {"enum": [1, 2, 3, 4, 5]},
        },
        "required": ["reason", "score"],
        "additionalProperties": False,
    }
    return {
        "type": "object",
        "properties": dict.fromkeys(CRITERIA, item),
        "required": list(CRITERIA),
        "additionalProperties": False,
    }


def judge(
    captions: Sequence[tuple[Seconds, str]],
    sentences: Sequence[Sentence],
    model: ChatModel,
    prompt: Prompt,
    config: AuditConfig,
) -> Judged:
    """Ask the judge to rate `sentences` by the keyframes' `captions` (time in seconds, text).

    There is no rating, with the reason, when the prompt exceeds the context or no attempt gives a usable answer. Raises
    TransientError and RunStopped as the model does.
    """
    text = render(
        prompt,
        captions="\n".join(prompt_line((time,), caption) for time, caption in captions),
        summary="\n".join(prompt_line(sentence.times, sentence.text) for sentence in sentences),
    )
    tokens, room = model.count_tokens(text), model.context - config.judge_max_tokens
    if tokens > room:
        return Judged(None, f"prompt_too_long: {tokens} tokens, room for {room}", Effort())
    request = Request(text, None, schema_of(), config.judge_max_tokens)
    (outcome,) = ask(model, [request], lambda _position, reply: _read_reply(reply), config.attempts)
    if isinstance(outcome, GaveUp):
        return Judged(None, outcome.evidence(), outcome.effort)
    criteria = outcome.value
    rating = Rating(maker=maker(prompt, model), criteria=criteria, mean=round(mean(c.score for c in criteria), 4))
    return Judged(rating, "", outcome.effort)


def _read_reply(text: str) -> Read[tuple[Criterion, ...]]:
    """The criteria of a reply in the order of the rubric. Raises BadReply."""
    try:
        reply = _Reply.model_validate_json(text)
    except ValidationError as error:
        raise BadReply(f"not_the_schema: {error.errors()[0]['type']}") from error
    criteria = []
    repaired = False
    for name in CRITERIA:
        item: _Item = getattr(reply, name)
        reason = plain_line(item.reason)
        if not 1 <= item.score <= 5:
            raise BadReply(f"score_out_of_range: {name} {item.score}")
        if reason and not any(c.isalpha() for c in reason):
            raise BadReply(f"degenerate_text: the reason for {name} has no words")
        if not reason or len(reason) > LONGEST_REASON:
            raise BadReply(f"empty_reason: {name}" if not reason else f"long_reason: {name}, {len(reason)} characters")
        repaired |= reason != item.reason
        criteria.append(Criterion(name=name, score=item.score, reason=reason))
    return Read(tuple(criteria), repaired)
