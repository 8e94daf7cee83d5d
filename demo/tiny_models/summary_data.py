"""Training data of the summarizer: windows of captions with the real prompts and the right answers.

The answers follow the rules of the world: `shows_event` for importance, `refined` for sentences. Windows mix quiet and
eventful captions more evenly than scripts do. Their seconds begin anywhere, so that the model copies numbers instead of
guessing them.
"""

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from demo.world import Script, make_script, refined, shows_event
from prompts import load

LAST_SECOND = 999
LONGEST_EXTRACTION, LONGEST_REFINEMENT = 4, 2  # lines in a request, as configs/demo.yaml sets them


@dataclass(frozen=True)
class Example:
    """One request and its right answer."""

    prompt: str
    answer: str


@dataclass(frozen=True)
class Line:
    """One de-duplicated caption with the seconds it covers."""

    seconds: tuple[int, ...]
    caption: str


@dataclass(frozen=True)
class ScriptTruth:
    """The part of a script that training needs: a caption for every second, and the seconds that matter."""

    captions: tuple[str, ...]
    keyframes: tuple[int, ...]


def script_truths(seeds: range) -> list[ScriptTruth]:
    """Write the scripts of `seeds`, and return the captions and keyframes of each."""
    scripts: list[Script] = [make_script(seed) for seed in seeds]
    return [ScriptTruth(script.captions, script.keyframes) for script in scripts]


def compact(value: Any) -> str:
    """Write JSON as constrained decoding emits it: no spaces, text as it is."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def extraction_prompt(window: Sequence[tuple[int, str]]) -> str:
    """Write the user message of an extraction; `window` holds (second, caption)."""
    return load("extract-tiny.v1").render(captions="\n".join(f"[{second}] {caption}" for second, caption in window))


def refinement_prompt(lines: Sequence[Line]) -> str:
    """Write the user message of a refinement."""
    text = "\n".join(f"[{','.join(map(str, line.seconds))}] {line.caption}" for line in lines)
    return load("refine-tiny.v1").render(lines=text)


def refinement_answer(lines: Sequence[Line]) -> str:
    """Return the right answer: consecutive lines of one event share a sentence, every second is cited."""
    sentences: list[tuple[list[int], str]] = []
    for line in lines:
        text = refined(line.caption)
        if not sentences or sentences[-1][1] != text:
            sentences.append(([], text))
        sentences[-1][0].extend(line.seconds)
    return compact({"sentences": [{"keyframes": seconds, "text": text} for seconds, text in sentences]})


def merged(seconds: Sequence[int], captions: Sequence[str]) -> list[Line]:
    """Merge neighbours with equal captions, as the pipeline does before refinement; `captions` by second."""
    lines: list[Line] = []
    for second in seconds:
        if lines and lines[-1].caption == captions[second]:
            lines[-1] = Line((*lines[-1].seconds, second), captions[second])
        else:
            lines.append(Line((second,), captions[second]))
    return lines


def extraction(rng: random.Random, scripts: Sequence[ScriptTruth], count: int) -> Example:
    """Make an extraction of `count` consecutive seconds from one of the scripts."""
    script = rng.choice(scripts)
    start = rng.randint(0, len(script.captions) - count)
    captions = list(script.captions[start : start + count])
    if rng.random() < 0.6:
        eventful = [script.captions[second] for second in script.keyframes]
        captions = [rng.choice(eventful) if rng.random() < 0.35 else caption for caption in captions]
    first = rng.randint(0, LAST_SECOND + 1 - count) if rng.random() < 0.5 else rng.randint(0, 130)
    window = list(enumerate(captions, start=first))
    chosen = [second for second, caption in window if shows_event(caption)]
    return Example(extraction_prompt(window), compact({"keyframes": chosen}))


def refinement(rng: random.Random, scripts: Sequence[ScriptTruth], count: int) -> Example:
    """Make a refinement of at most `count` lines from one of the scripts; some chosen seconds are wrong.

    A real extraction chooses wrong seconds too.
    """
    script = rng.choice(scripts)
    seconds = set(script.keyframes)
    if rng.random() < 0.3:
        seconds ^= set(rng.sample(range(len(script.captions)), rng.randint(1, 4)))
    lines = merged(sorted(seconds), script.captions)
    if rng.random() < 0.3:
        lines = [Line((second,), line.caption) for line in lines for second in line.seconds]
    start = rng.randint(0, max(0, len(lines) - count))
    lines = lines[start : start + count]
    lowest, highest = -lines[0].seconds[0], LAST_SECOND - lines[-1].seconds[-1]
    shift = rng.randint(lowest, highest) if rng.random() < 0.5 else 0
    lines = [Line(tuple(second + shift for second in line.seconds), line.caption) for line in lines]
    return Example(refinement_prompt(lines), refinement_answer(lines))
