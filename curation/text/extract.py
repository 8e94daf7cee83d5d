"""The extractive stage: a language model chooses the keyframes of a video, always within the bounds on their number.

One window: the model is asked for `minimum`..`maximum` seconds out of the captioned seconds of the video.
Several windows: each may give none, and at most its share of the maximum, rounded up; the answers are united. When the
union has more than the maximum, a second round asks over the captions of the union; when it has fewer than the minimum,
over all captions. In the second round the minimums and the maximums of the windows sum to the bounds of the video, so
its result is always within the bounds.

Several annotators (`extract.annotators`) are asked the same, one after the other, and the models take turns. Each time
that a model's turn comes again, its requests have other variants. The first annotator asks what a single one asks. All
that one model is asked is equal but its variant, so that a server with a prefix cache reads the captions once; the
model's sampling differs by the variant (models/chat.py).
"""

from __future__ import annotations

import itertools
import json
import math
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict, ValidationError

from curation.text.ask import BadReply, GaveUp, Question, Read, ask, maker
from curation.text.candidates import all_alike
from curation.text.consensus import consensus, least_usable
from curation.text.prompt_lines import json_number, prompt_line, render
from curation.text.speech import EVERYTHING, Speech, room, spans, with_speech
from curation.text.windows import shares, windows
from models.chat import ChatModel, JsonSchema, Request
from prompts import Prompt
from schemas.configuration.config import ExtractConfig
from schemas.configuration.text_config import VARIANTS
from schemas.errors import PermanentError
from schemas.records import Caption, CaptionSet, Choice, Effort, Extract
from schemas.time import FrameIndex, round_half_up

_NUMBERS = re.compile(r"\[\s*\d+(?:\.\d+)?(?:\s*,\s*\d+(?:\.\d+)?){2,}\s*\]", re.ASCII)


class Bounds(NamedTuple):
    """The least, the wished and the greatest number of keyframes."""

    minimum: int
    target: int
    maximum: int


class _Reply(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)
    keyframes: list[int | float]


class _Window(NamedTuple):
    captions: Sequence[Caption]
    bounds: Bounds


class _Round(NamedTuple):
    chosen: list[FrameIndex]
    windows: int
    effort: Effort
    rounds: int = 0


class _NoChoice(NamedTuple):
    """Why an annotator has no usable choice: the slug and the evidence of a rejection."""

    reason: str
    evidence: str
    effort: Effort


def bounds(total_frames: int, candidates: int, config: ExtractConfig) -> Bounds:
    """How many keyframes a video of `total_frames` with `candidates` captioned frames may have.

    maximum = min(max_keyframes, floor(ratio_max * total), candidates), but at least 1;
    minimum = max(min_keyframes, ceil(ratio_min * total)), but at most the maximum: where they conflict (very short or
    very long videos) the maximum holds. Ratios count as they are written: 0.35, not the nearest binary number.
    """
    low, target, high = (Fraction(repr(r)) for r in (config.ratio_min, config.ratio_target, config.ratio_max))
    maximum = max(1, min(config.max_keyframes, math.floor(high * total_frames), candidates))
    minimum = min(maximum, max(config.min_keyframes, math.ceil(low * total_frames)))
    return Bounds(minimum, min(maximum, max(minimum, round_half_up(float(target * total_frames)))), maximum)


def schema_of(seconds: Sequence[float], minimum: int, maximum: int) -> JsonSchema:
    """The JSON schema of a reply: a list of `minimum` to `maximum` of these seconds."""
    return {
        "type": "object",
        "properties": {
            "keyframes": {
                "type": "array",
                "items": {"enum": [json_number(s) for s in seconds]},
                "minItems": minimum,
                "maxItems": maximum,
            }
        },
        "required": ["keyframes"],
        "additionalProperties": False,
    }


def extract(
    captions: CaptionSet,
    total_frames: int,
    fps: float,
    model: ChatModel,
    prompt: Prompt,
    config: ExtractConfig,
    hashes: Mapping[FrameIndex, str] | None = None,
    speech: Speech | None = None,
    others: Sequence[ChatModel] = (),
) -> Extract:
    """Choose the keyframes of a video of `total_frames` sampled frames at `fps` among the captioned frames.

    `hashes` are the perceptual hashes of those frames, by which keyframes that all look alike are found; `speech` is
    what the model is told of what is said. `others` take turns with `model`, the first of all. Of several annotators
    more than half must have a usable choice; else the fault of the first that has none is that of the video.

    Raises PermanentError: `prompt_echo` when a window has no answer but the numbers of an example in the prompt,
    `keyframes_alike` when all keyframes look alike and most of the video does not, `extract_failed` with the raw reply
    when a window has no usable answer for another reason, `prompt_too_long` when a single caption exceeds the context,
    `captions_out_of_order` when the indices and times of the captions contradict each other.
    """
    hashes = hashes or {}
    _check(captions.captions, total_frames, fps)
    found: list[_Round | _NoChoice] = []
    asked = [model, *others]
    for annotator in range(config.annotators):
        turn, place = divmod(annotator, len(asked))
        variant = turn * VARIANTS
        found.append(_choose(captions.captions, total_frames, asked[place], prompt, config, hashes, variant, speech))
        unusable = [one for one in found if isinstance(one, _NoChoice)]
        if len(unusable) > config.annotators - least_usable(config.annotators):
            of = f"{len(unusable)} of {config.annotators} annotators, the first: " if config.annotators > 1 else ""
            raise PermanentError(unusable[0].reason, of + unusable[0].evidence)
    makers = itertools.cycle([maker(prompt, one) for one in asked] if others else [None])
    choices = [
        Choice(fault=one.reason, maker=made_by)
        if isinstance(one, _NoChoice)
        else Choice(keyframes=tuple(one.chosen), maker=made_by)
        for one, made_by in zip(found, makers, strict=False)  # the makers come again without end
    ]
    chosen = consensus(choices)
    if all_alike(chosen, hashes):  # several windows or several annotators; a single reply was asked for again
        raise PermanentError("keyframes_alike", _alike(chosen))
    made = [one for one in found if isinstance(one, _Round)]
    times = {c.index: c.time for c in captions.captions}
    return Extract(
        maker=maker(prompt, model),
        keyframes=chosen,
        times=tuple(times[i] for i in chosen),
        ratio=len(chosen) / total_frames,
        windows=made[0].windows,
        rounds=max(one.rounds for one in made),
        effort=sum((one.effort for one in found), Effort()),
        choices=tuple(choices) if config.annotators > 1 else (),
    )


def question(
    offered: CaptionSet, total_frames: int, prompt: Prompt, config: ExtractConfig, speech: Speech | None = None
) -> Question:
    """What the model is asked when all offered captions, and all that is said, fit into one request."""
    whole = _Window(offered.captions, bounds(total_frames, len(offered.captions), config))
    examples = _examples(prompt)
    return Question(
        with_speech(_text(prompt, *whole), speech, EVERYTHING, sys.maxsize, len),
        lambda reply: _read_reply(whole, reply, examples),
    )


def reply_of(seconds: Iterable[float]) -> str:
    """Keyframes in the form in which a model answers: `{"keyframes":[3,17.5]}`."""
    return json.dumps({"keyframes": [json_number(second) for second in seconds]}, separators=(",", ":"))


def _alike(chosen: Sequence[FrameIndex]) -> str:
    return f"all {len(chosen)} keyframes look like frame {chosen[0]}"


def _check(captions: Sequence[Caption], total_frames: int, fps: float) -> None:
    indices = [c.index for c in captions]
    ascending = all(a < b for a, b in itertools.pairwise(indices))
    bound = all(abs(c.time - c.index / fps) < 0.5 / fps for c in captions)
    if not (ascending and bound and indices[0] >= 0 and indices[-1] < total_frames):
        raise PermanentError("captions_out_of_order", f"{len(indices)} captions of {total_frames} frames at {fps} fps")


def _choose(
    captions: Sequence[Caption],
    total_frames: int,
    model: ChatModel,
    prompt: Prompt,
    config: ExtractConfig,
    hashes: Mapping[FrameIndex, str],
    variant: int,
    speech: Speech | None,
) -> _Round | _NoChoice:
    """The choice of one annotator, whose requests begin with `variant`: within the bounds, and not all alike."""
    whole = bounds(total_frames, len(captions), config)
    first = _ask_round(captions, whole, model, prompt, config, hashes, variant, speech, exact=False)
    if isinstance(first, _NoChoice):
        return first
    made = first._replace(rounds=int(first.windows > 1))
    if not whole.minimum <= len(first.chosen) <= whole.maximum:
        union = set(first.chosen)
        above = len(first.chosen) > whole.maximum
        left = [c for c in captions if c.index in union] if above else captions
        second = _ask_round(left, whole, model, prompt, config, hashes, variant, speech, exact=True)
        if isinstance(second, _NoChoice):
            return second._replace(effort=first.effort + second.effort)
        made = made._replace(chosen=second.chosen, rounds=made.rounds + 1, effort=first.effort + second.effort)
    if all_alike(made.chosen, hashes):
        return _NoChoice("keyframes_alike", _alike(made.chosen), made.effort)
    return made


def _ask_round(
    captions: Sequence[Caption],
    whole: Bounds,
    model: ChatModel,
    prompt: Prompt,
    config: ExtractConfig,
    hashes: Mapping[FrameIndex, str],
    variant: int,
    speech: Speech | None,
    *,
    exact: bool,
) -> _Round | _NoChoice:
    """Ask all windows once (with retries) and unite the chosen frames, in ascending order.

    With `exact` the bounds of the windows sum to the bounds `whole` of the video.
    """
    # The overlap shows the model what is across the border of a window. Exact bounds need disjoint windows.
    overlap = 0 if exact else config.overlap_frames
    budget = model.context - config.max_tokens

    def fits(window: range) -> bool:
        text = _text(prompt, captions[window.start : window.stop], whole)
        # A window of one caption may take the room for speech too: no transcript makes a prompt too long.
        kept = room(speech, budget) if len(window) > 1 else 0
        return model.count_tokens(text) <= budget - kept

    split = windows(len(captions), fits, config.window_frames, overlap)
    asked = _quotas([captions[w.start : w.stop] for w in split], whole, exact=exact)
    told = spans([window.captions[0].time for window in asked])
    requests = [
        Request(
            with_speech(_text(prompt, window.captions, window.bounds), speech, span, budget, model.count_tokens),
            None,
            schema_of([c.time for c in window.captions], window.bounds.minimum, window.bounds.maximum),
            config.max_tokens,
            variant,
        )
        for window, span in zip(asked, told, strict=True)
    ]
    examples = _examples(prompt)

    def read(position: int, text: str) -> Read[tuple[FrameIndex, ...]]:
        answer = _read_reply(asked[position], text, examples)
        if len(asked) == 1 and all_alike(answer.value, hashes):
            raise BadReply("keyframes_alike")
        return answer

    outcomes = ask(model, requests, read, config.attempts)
    effort = sum((outcome.effort for outcome in outcomes), Effort())
    chosen: set[FrameIndex] = set()
    for window, outcome in zip(asked, outcomes, strict=True):
        if isinstance(outcome, GaveUp):
            span = f"seconds {window.captions[0].time:g} to {window.captions[-1].time:g}"
            return _NoChoice(outcome.slug("extract_failed"), f"{span}: {outcome.evidence()}", effort)
        chosen.update(outcome.value)
    return _Round(sorted(chosen), len(asked), effort)


def _quotas(split: Sequence[Sequence[Caption]], whole: Bounds, *, exact: bool) -> list[_Window]:
    if len(split) == 1:
        return [_Window(split[0], whole)]
    sizes = [len(window) for window in split]
    if not exact:
        least = [0] * len(split)
        most = [min(size, -(-whole.maximum * size // sum(sizes))) for size in sizes]
    else:
        least = shares(whole.minimum, sizes)
        spare = shares(whole.maximum - whole.minimum, sizes)
        most = [min(size, low + extra) for size, low, extra in zip(sizes, least, spare, strict=True)]
    targets = [
        max(low, min(high, whole.target * n // sum(sizes))) for low, high, n in zip(least, most, sizes, strict=True)
    ]
    return [
        _Window(captions, Bounds(low, target, high))
        for captions, low, target, high in zip(split, least, targets, most, strict=True)
        if high > 0  # a window in which nothing may be chosen is not asked
    ]


def _text(prompt: Prompt, captions: Sequence[Caption], limits: Bounds) -> str:
    return render(
        prompt,
        captions="\n".join(prompt_line((c.time,), c.text) for c in captions),
        minimum=limits.minimum,
        target=limits.target,
        maximum=limits.maximum,
    )


def _examples(prompt: Prompt) -> list[list[float]]:
    """The lists of three or more numbers that stand in a prompt as examples."""
    return [json.loads(numbers) for numbers in _NUMBERS.findall(prompt.own)]


def _read_reply(window: _Window, text: str, examples: Sequence[Sequence[float]]) -> Read[tuple[FrameIndex, ...]]:
    try:
        reply = _Reply.model_validate_json(text)
    except ValidationError as error:
        raise BadReply(f"not_the_schema: {error.errors()[0]['type']}") from error
    known = {json_number(c.time): c.index for c in window.captions}
    unknown = [second for second in reply.keyframes if second not in known]
    if unknown:
        raise BadReply(f"unknown_seconds: {unknown[:5]}")
    for example in examples:
        usable = [second for second in example if second in known]
        if len(usable) > 2 and reply.keyframes[: len(usable)] == usable:
            raise BadReply(f"prompt_echo: {example}")
    named = [known[second] for second in reply.keyframes]
    chosen = tuple(sorted(set(named)))
    low, _, high = window.bounds
    if not low <= len(chosen) <= high:
        raise BadReply(f"out_of_bounds: {len(chosen)} of {low}..{high} keyframes")
    return Read(chosen, list(chosen) != named)
