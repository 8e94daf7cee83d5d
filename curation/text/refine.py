"""The abstractive stage: near-duplicate captions are merged, then a language model rewrites the remaining lines.

A line is one caption with all keyframes that share it. A sentence must cite every line. When only some keyframes of a
line are cited, each of the others is added to the sentence that cites the nearest of them, because their captions say
the same. So the summary's V2V holds every extracted keyframe, and each keyframe belongs to a sentence.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from curation.text.ask import BadReply, GaveUp, Question, Read, ask, maker
from curation.text.degenerate import degenerate, no_sentence, repeated_sentence
from curation.text.echo import is_echo
from curation.text.prompt_lines import json_number, prompt_line, render
from curation.text.speech import EVERYTHING, Speech, room, spans, with_speech
from curation.text.windows import windows
from models.chat import ChatModel, Embedder, JsonSchema, Request
from prompts import Prompt
from schemas.configuration.config import RefineConfig
from schemas.errors import PermanentError
from schemas.records import Caption, CaptionSet, Effort, Extract, MergedLine, Sentence, Summary
from schemas.safe_text import clean_text
from schemas.time import Seconds

LONGEST_SENTENCE = 600
# The cosine of equal texts is 1 only up to rounding.
_ROUNDING = 1e-5


class Line(NamedTuple):
    """A caption and the keyframe times (seconds, ascending) that share it."""

    times: tuple[Seconds, ...]
    text: str


class Merge(NamedTuple):
    """The text at position `dropped` repeats the earlier, kept text at `into`; `similarity` is their cosine."""

    dropped: int
    into: int
    similarity: float


class _Item(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)
    keyframes: list[int | float] = Field(min_length=1)
    text: str


class _Reply(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)
    sentences: list[_Item] = Field(min_length=1)


def repetitions(
    times: Sequence[float], vectors: np.ndarray, similarity: float, window_seconds: float | None
) -> list[Merge]:
    """Find the texts that repeat an earlier, kept text: cosine >= `similarity`, at most `window_seconds` after it.

    `times` (seconds) ascend; `vectors` is float [n, d] with rows of unit norm. A text is merged into the most similar
    kept text, the latest of equally similar ones. A row of zeros repeats nothing.
    """
    kept: list[int] = []
    merges: list[Merge] = []
    for i, time in enumerate(times):
        near = [j for j in kept if window_seconds is None or time - times[j] <= window_seconds]
        cosines = vectors[near] @ vectors[i] if near else np.zeros(0)
        best = max(range(len(near)), key=lambda k: (float(cosines[k]), near[k]), default=None)
        if best is not None and bool(vectors[i].any()) and float(cosines[best]) >= similarity - _ROUNDING:
            merges.append(Merge(i, near[best], min(1.0, float(cosines[best]))))
        else:
            kept.append(i)
    return merges


def schema_of(seconds: Sequence[float], most_sentences: int) -> JsonSchema:
    """The JSON schema of a reply: 1 to `most_sentences` sentences, each with a text and keyframes of these seconds."""
    keyframes = {"type": "array", "items": {"enum": [json_number(s) for s in seconds]}, "minItems": 1}
    text = {"type": "string", "minLength": 1, "maxLength": LONGEST_SENTENCE}
    sentence = {
        "type": "object",
        "properties": {"keyframes": {**keyframes, "maxItems": len(seconds)}, "text": text},
        "required": ["keyframes", "text"],
        "additionalProperties": False,
    }
    return {
        "type": "object",
        "properties": {
            "sentences": {"type": "array", "items": sentence, "minItems": 1, "maxItems": most_sentences},
        },
        "required": ["sentences"],
        "additionalProperties": False,
    }


def refine(
    captions: CaptionSet,
    extract: Extract,
    fps: float,
    model: ChatModel,
    prompt: Prompt,
    embedder: Embedder,
    config: RefineConfig,
    speech: Speech | None = None,
) -> Summary:
    """Write the abstractive summary of the extracted keyframes (sampled at `fps`); `speech` is told to the model too.

    Lines that do not fit into one request are rewritten in windows. A window without a usable answer after all attempts
    (against the schema, or with a line that no sentence cites) is halved once. Raises PermanentError when a half fails
    too: `prompt_echo` for text that the prompt says and the captions do not, `degenerate_text` for text that is no
    summary, `refine_failed` for another reason, all with the raw reply; `keyframe_without_caption`, `prompt_too_long`.
    """
    lines, merged = _fold(captions, extract, fps, embedder, config)
    budget = model.context - config.max_tokens

    def fits(window: range) -> bool:
        # A single line may take the room for speech too: no transcript makes a prompt too long.
        kept = room(speech, budget) if len(window) > 1 else 0
        return model.count_tokens(_text(prompt, lines[window.start : window.stop])) <= budget - kept

    split = windows(len(lines), fits, config.lines)
    parts = [lines[w.start : w.stop] for w in split]
    sentences, effort = _rewrite(parts, model, prompt, config, speech, halve=True)
    final = _without_repetitions(sentences, embedder, config)
    repaired = len(final) < len(sentences)
    return Summary(
        maker=maker(prompt, model),
        v2v=extract.times,
        v2t=" ".join(s.text for s in final),
        v2vt=final,
        merged=merged,
        effort=effort + Effort(repaired=repaired),
    )


def question(
    captions: CaptionSet,
    extract: Extract,
    merged: Sequence[MergedLine],
    prompt: Prompt,
    config: RefineConfig,
    speech: Speech | None = None,
) -> Question:
    """What the model is asked when all lines, and all that is said, fit into one request.

    `merged` is what the summary says was merged.
    """
    known = {caption.index: caption for caption in captions.captions}
    chosen = [known[index] for index in extract.keyframes if index in known]
    places = {caption.time: place for place, caption in enumerate(chosen)}
    merges = [Merge(places[m.time], places[m.into], m.similarity) for m in merged if {m.time, m.into} <= places.keys()]
    lines = _lines(chosen, merges)
    text = with_speech(_text(prompt, lines), speech, EVERYTHING, sys.maxsize, len)
    return Question(text, lambda reply: _read_reply(lines, reply, prompt, config.language, speech))


def reply_of(sentences: Iterable[Sentence]) -> str:
    """Sentences in the form in which a model answers: `{"sentences":[{"keyframes":[3,4],"text":"A man waves."}]}`."""
    items = [{"keyframes": [json_number(time) for time in one.times], "text": one.text} for one in sentences]
    return json.dumps({"sentences": items}, ensure_ascii=False, separators=(",", ":"))


def _rewrite(
    parts: Sequence[Sequence[Line]],
    model: ChatModel,
    prompt: Prompt,
    config: RefineConfig,
    speech: Speech | None,
    *,
    halve: bool,
) -> tuple[list[Sentence], Effort]:
    """The sentences of all parts, in no order. With `halve`, a part that fails is halved: short parts are easier."""
    budget = model.context - config.max_tokens
    requests = [
        Request(
            with_speech(_text(prompt, part), speech, span, budget, model.count_tokens),
            None,
            schema_of([t for line in part for t in line.times], len(part)),
            config.max_tokens,
        )
        for part, span in zip(parts, spans([part[0].times[0] for part in parts]), strict=True)
    ]

    def read(position: int, text: str) -> Read[list[Sentence]]:
        return _read_reply(parts[position], text, prompt, config.language, speech)

    outcomes = ask(model, requests, read, config.attempts)
    sentences: list[Sentence] = []
    halves: list[Sequence[Line]] = []
    effort = Effort()
    for part, outcome in zip(parts, outcomes, strict=True):
        effort += outcome.effort
        if not isinstance(outcome, GaveUp):
            sentences += outcome.value
        elif halve and len(part) > 1:
            halves += [part[: len(part) // 2], part[len(part) // 2 :]]
        else:
            span = f"seconds {part[0].times[0]:g} to {part[-1].times[0]:g}"
            raise PermanentError(outcome.slug("refine_failed"), f"{span}: {outcome.evidence()}")
    if halves:
        more, cost = _rewrite(halves, model, prompt, config, speech, halve=False)
        return sentences + more, effort + cost
    return sentences, effort


def _fold(
    captions: CaptionSet, extract: Extract, fps: float, embedder: Embedder, config: RefineConfig
) -> tuple[list[Line], tuple[MergedLine, ...]]:
    known = {c.index: c for c in captions.captions}
    missing = [i for i in extract.keyframes if i not in known or abs(known[i].time - i / fps) >= 0.5 / fps]
    if missing:
        raise PermanentError("keyframe_without_caption", f"keyframes {missing[:5]} of {len(extract.keyframes)}")
    chosen = [known[i] for i in extract.keyframes]
    times = [c.time for c in chosen]
    vectors = np.asarray(embedder.embed([c.text for c in chosen]))
    merges = repetitions(times, vectors, config.similarity, config.window_seconds)
    merged = tuple(MergedLine(time=times[m.dropped], into=times[m.into], similarity=m.similarity) for m in merges)
    return _lines(chosen, merges), merged


def _lines(chosen: Sequence[Caption], merges: Iterable[Merge]) -> list[Line]:
    """The captions of keyframes as lines; merged captions share one."""
    groups = _groups(len(chosen), merges)
    return [Line(tuple(chosen[i].time for i in group), chosen[group[0]].text) for group in groups]


def _groups(size: int, merges: Iterable[Merge]) -> list[list[int]]:
    """Positions grouped by the kept position that they were merged into; the groups and their members ascend."""
    into = {m.dropped: m.into for m in merges}
    groups: dict[int, list[int]] = {}
    for i in range(size):
        groups.setdefault(into.get(i, i), []).append(i)
    return list(groups.values())


def _text(prompt: Prompt, lines: Sequence[Line]) -> str:
    return render(prompt, lines="\n".join(prompt_line(line.times, line.text) for line in lines))


def _read_reply(
    lines: Sequence[Line], text: str, prompt: Prompt, language: str | None, speech: Speech | None = None
) -> Read[list[Sentence]]:
    """The sentences of a reply in order of time; every keyframe of `lines` belongs to a sentence. Raises BadReply."""
    try:
        reply = _Reply.model_validate_json(text)
    except ValidationError as error:
        raise BadReply(f"not_the_schema: {error.errors()[0]['type']}") from error
    if len(reply.sentences) > len(lines):
        raise BadReply(f"too_many_sentences: {len(reply.sentences)} for {len(lines)} lines")
    given = {time for line in lines for time in line.times}
    sentences: list[tuple[list[Seconds], str]] = []
    for item in reply.sentences:
        unknown = [second for second in item.keyframes if second not in given]
        if unknown:
            raise BadReply(f"unknown_seconds: {unknown[:5]}")
        words = clean_text(item.text)
        if not words or len(words) > LONGEST_SENTENCE:
            raise BadReply("empty_sentence" if not words else f"long_sentence: {len(words)} characters")
        sentences.append((sorted({Seconds(float(k)) for k in item.keyframes}), words))
    _refuse_faults(lines, sentences, prompt, language, speech)
    _attach_shared(lines, sentences)
    ordered = sorted(((tuple(sorted(times)), words) for times, words in sentences), key=lambda s: s[0])
    written = [(tuple(item.keyframes), item.text) for item in reply.sentences]
    return Read([Sentence(times=times, text=words) for times, words in ordered], ordered != written)


def _refuse_faults(
    lines: Sequence[Line],
    sentences: Sequence[tuple[Sequence[Seconds], str]],
    prompt: Prompt,
    language: str | None,
    speech: Speech | None,
) -> None:
    """Raise BadReply for a text that the prompt says and what it was given does not, and for one that is no summary."""
    captions, own = "\n".join(line.text for line in lines), prompt.own
    if speech is not None:
        captions, own = f"{captions}\n{speech.words}", f"{own}\n{speech.prompt.own}"
    for _, sentence in sentences:
        if is_echo(sentence, own, captions):
            raise BadReply(f"prompt_echo: {sentence[:200]!r}")
        if fault := degenerate(sentence, own, captions, language) or no_sentence(sentence):
            raise BadReply(f"degenerate_text: {fault}")
    below = ["\n".join(line.text for line in lines if set(line.times) & set(times)) for times, _ in sentences]
    if repeated := repeated_sentence([sentence for _, sentence in sentences], below):
        raise BadReply(f"degenerate_text: it repeats {repeated[:200]!r}")


def _attach_shared(lines: Sequence[Line], sentences: Sequence[tuple[list[Seconds], str]]) -> None:
    """Add the uncited keyframes of each line to the sentence that cites the nearest keyframe of that line.

    Raises BadReply for a line without a cited keyframe.
    """
    owner: dict[float, int] = {}
    for position, (times, _) in enumerate(sentences):
        for time in times:
            owner.setdefault(time, position)
    uncited = [line.times[0] for line in lines if not any(time in owner for time in line.times)]
    if uncited:
        raise BadReply(f"uncited_lines: {[json_number(t) for t in uncited[:5]]}")
    for line in lines:
        cited = [time for time in line.times if time in owner]
        for time in line.times:
            if time not in owner:
                nearest = min(cited, key=_distance(time))
                sentences[owner[nearest]][0].append(time)


def _distance(time: float) -> Callable[[float], tuple[float, float]]:
    return lambda other: (abs(other - time), other)


def _without_repetitions(
    sentences: Sequence[Sentence], embedder: Embedder, config: RefineConfig
) -> tuple[Sentence, ...]:
    """Merge sentences that nearly repeat an earlier one; the kept sentence cites their times too. In order of time."""
    ordered = sorted(sentences, key=lambda s: s.times)
    vectors = np.asarray(embedder.embed([s.text for s in ordered]))
    merges = repetitions([s.times[0] for s in ordered], vectors, config.similarity, config.window_seconds)
    return tuple(
        Sentence(
            times=tuple(sorted({time for i in group for time in ordered[i].times})),
            text=ordered[group[0]].text,
        )
        for group in _groups(len(ordered), merges)
    )
