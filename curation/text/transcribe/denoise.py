"""Lets a language model correct what a machine heard: case, punctuation, and misheard words by their context.

A reply holds whole lines. Each is compared with the line as it was heard (corrections.py): what is no correction is
refused, and the words stay as they are. So a model that invents, or obeys what somebody says in a video, changes
nothing.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict, ValidationError

from curation.text.ask import BadReply, GaveUp, Read, ask, maker
from curation.text.prompt_lines import inert, render
from curation.text.transcribe.corrections import mended, words_of
from curation.text.transcribe.segments import LONGEST
from curation.text.windows import windows
from models.chat import ChatModel, JsonSchema, Request
from prompts import Prompt
from schemas.configuration.text_config import DenoiseConfig
from schemas.parts.denoised import Correction, Denoised, RefusedCorrection
from schemas.parts.makers import Effort
from schemas.parts.transcript import Transcript
from schemas.safe_text import clean_text, plain

_SHOWN, _SHOWN_CHARACTERS = 100, 200  # refused corrections that a record holds, and the length of each


class _Item(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)
    line: int
    text: str


class _Reply(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)
    lines: list[_Item]


class _Line(NamedTuple):
    """A segment's place, and its text."""

    segment: int
    text: str


def denoise(transcript: Transcript, model: ChatModel, prompt: Prompt, config: DenoiseConfig) -> Denoised:
    """What `model` corrects in a transcript that a machine made; that of people stays as it is.

    Lines that do not fit into one request are corrected in windows. Lines without a usable reply stay as they are, and
    are counted: a transcript never costs its video anything. Raises what `ask` raises.
    """
    if not transcript.segments or transcript.source == "manual":
        return Denoised()
    every = [_Line(place, segment.text) for place, segment in enumerate(transcript.segments)]
    budget = model.context - config.max_tokens

    def fits(lines: Sequence[_Line]) -> bool:
        return (
            model.count_tokens(_text(prompt, lines)) <= budget
            and model.count_tokens(_reply_of(lines)) <= config.max_tokens
        )

    lines = [line for line in every if fits([line])]
    split = windows(len(lines), lambda window: fits(lines[window.start : window.stop])) if lines else []
    parts = [lines[window.start : window.stop] for window in split]

    def read(position: int, text: str) -> Read[dict[int, str]]:
        return Read(_read_reply(parts[position], text), repaired=False)

    requests = [Request(_text(prompt, part), None, schema_of(len(part)), config.max_tokens) for part in parts]
    outcomes = ask(model, requests, read, config.attempts)
    proposed: dict[int, str] = {}
    unanswered, effort = len(every) - len(lines), Effort()
    for part, outcome in zip(parts, outcomes, strict=True):
        effort += outcome.effort
        if isinstance(outcome, GaveUp):
            unanswered += len(part)
        else:
            proposed |= outcome.value
    changes, refused = _judged(every, proposed)
    return Denoised(
        maker=maker(prompt, model),
        changes=changes,
        refused=refused[:_SHOWN],
        more_refused=len(refused[_SHOWN:]),
        unanswered=unanswered,
        effort=effort,
    )


def schema_of(lines: int) -> JsonSchema:
    """The JSON schema of a reply: at most so many lines, each with its number, from 1, and its text."""
    line = {
        "type": "object",
        "properties": {
            "line": {"enum": [*range(1, lines + 1)]},
            "text": {"type": "string", "minLength": 1, "maxLength": LONGEST},
        },
        "required": ["line", "text"],
        "additionalProperties": False,
    }
    return {
        "type": "object",
        "properties": {"lines": {"type": "array", "items": line, "maxItems": lines}},
        "required": ["lines"],
        "additionalProperties": False,
    }


def _judged(
    lines: Sequence[_Line], proposed: Mapping[int, str]
) -> tuple[tuple[Correction, ...], tuple[RefusedCorrection, ...]]:
    """The corrections that are made, and those of which a part is refused, in the order of the segments."""
    everywhere = Counter(word for line in lines for word in words_of(line.text))
    changes, refused = [], []
    for line in lines:
        text = proposed.get(line.segment, line.text)
        if text == line.text:
            continue
        own = Counter(words_of(line.text))
        known = {word for word in words_of(text) if everywhere[word] > own[word]}
        after, reason = mended(line.text, text, known)
        if reason is not None:
            shown = plain(text, _SHOWN_CHARACTERS)
            refused.append(RefusedCorrection(segment=line.segment, proposed=shown, reason=reason))
        if after != line.text and len(after) <= LONGEST:
            changes.append(Correction(segment=line.segment, before=line.text, after=after))
    return tuple(changes), tuple(refused)


def _read_reply(lines: Sequence[_Line], text: str) -> dict[int, str]:
    """The lines of a reply by their segments, as plain lines. Raises BadReply."""
    try:
        reply = _Reply.model_validate_json(text)
    except ValidationError as error:
        raise BadReply(f"not_the_schema: {error.errors()[0]['type']}") from error
    found: dict[int, str] = {}
    for item in reply.lines:
        if not 1 <= item.line <= len(lines):
            raise BadReply(f"unknown_line: {item.line}")
        line = lines[item.line - 1]
        if line.segment in found:
            raise BadReply(f"line_twice: {item.line}")
        words = clean_text(item.text)
        if not words or len(words) > LONGEST:
            raise BadReply("empty_line" if not words else f"long_line: {len(words)} characters")
        # A line is shown without brackets that look like times; what comes back unchanged is no correction.
        found[line.segment] = line.text if words == inert(line.text) else words
    return found


def _text(prompt: Prompt, lines: Sequence[_Line]) -> str:
    return render(prompt, lines="\n".join(f"{number}. {inert(line.text)}" for number, line in enumerate(lines, 1)))


def _reply_of(lines: Sequence[_Line]) -> str:
    """The longest reply that is expected: every line, as it is."""
    items = [{"line": number, "text": line.text} for number, line in enumerate(lines, 1)]
    return json.dumps({"lines": items}, ensure_ascii=False)
