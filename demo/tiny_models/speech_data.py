"""Training data of a summarizer that is told what is said: windows of captions with the block of speech after them.

The block is that of production (curation/text/speech.py). The answers follow the rules of the world: the seconds of
what is shown and the seconds of what is said, and sentences of what is shown alone, as the prompts ask. A part of the
windows has no transcript; what is said counts nowhere in them.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Sequence
from typing import NamedTuple

from curation.text.speech import Span, Speech, with_speech
from demo.spoken import with_narrator
from demo.tiny_models.summary_data import (
    LAST_SECOND,
    Example,
    Line,
    compact,
    extraction_prompt,
    merged,
    refinement_answer,
    refinement_prompt,
)
from demo.world import Script, SpokenLine, make_script
from prompts import load
from schemas.parts.transcript import SpokenSegment
from schemas.time import Seconds

EXTRACT, REFINE = "extract-speech.v1", "refine-speech.v1"
_TOLD = 0.85  # the share of the windows with a transcript
_NUMBERS = 130  # half of the windows begin below it, as those of films do


class ToldScript(NamedTuple):
    """The part of a narrated script that training needs.

    `offered`: the seconds among which may be chosen. `shown` and `said`: those of them that matter.
    """

    captions: tuple[str, ...]
    offered: tuple[int, ...]
    shown: frozenset[int]
    said: frozenset[int]
    lines: tuple[SpokenLine, ...]


def told_scripts(seeds: range) -> list[ToldScript]:
    """Write the scripts of `seeds` with their narrator."""
    return [told_script(with_narrator(make_script(seed))) for seed in seeds]


def told_script(script: Script) -> ToldScript:
    """What training needs of a script. Offered are each resting picture once and all seconds in which events show."""
    shown = {second for stretch in script.stretches if stretch.event for second in stretch.event.seconds}
    first = {caption: second for second, caption in reversed(list(enumerate(script.captions))) if second not in shown}
    offered = sorted(shown | set(first.values()))
    said = {second for stretch in script.stretches if stretch.said for second in stretch.said.seconds}
    return ToldScript(script.captions, tuple(offered), frozenset(shown), frozenset(said & set(offered)), script.lines)


def told_extraction(rng: random.Random, scripts: Sequence[ToldScript], count: int) -> Example:
    """Make an extraction of at most `count` of the offered seconds of a script."""
    script = rng.choice(scripts)
    # Long actions look alike from one second to the next, and are then offered fewer times.
    dropped = {second for second in script.shown if second - 1 in script.shown and rng.random() < 0.3}
    offered = [second for second in script.offered if second not in dropped]
    start = rng.randrange(len(offered) - count + 1)
    window, after = offered[start : start + count], offered[start + count : start + count + 1]
    told = rng.random() < _TOLD
    shift = _shift(rng, window[-1])
    span = (window[0], after[0] if after else float("inf"))
    prompt = extraction_request(script, window, span, shift) if told else _extraction(script, window, shift)
    matter = script.shown | script.said if told else script.shown
    return Example(prompt, compact({"keyframes": [second + shift for second in window if second in matter]}))


def told_refinement(rng: random.Random, scripts: Sequence[ToldScript], count: int) -> Example:
    """Make a refinement of at most `count` lines of a script; some chosen seconds are wrong."""
    script = rng.choice(scripts)
    told = rng.random() < _TOLD
    chosen = set(script.shown | script.said if told else script.shown)
    if rng.random() < 0.3:
        chosen ^= set(rng.sample(script.offered, 2))
    lines = merged(sorted(chosen), script.captions)
    start = rng.randrange(max(1, len(lines) - count + 1))
    part, after = lines[start : start + count], lines[start + count : start + count + 1]
    shift = _shift(rng, part[-1].seconds[-1])
    moved = [Line(tuple(second + shift for second in line.seconds), line.caption) for line in part]
    span = (part[0].seconds[0] if start else 0.0, after[0].seconds[0] if after else float("inf"))
    prompt = refinement_request(script, moved, span, shift) if told else refinement_prompt(moved)
    return Example(prompt, refinement_answer(moved))


def extraction_request(script: ToldScript, window: Sequence[int], span: Span, shift: int = 0) -> str:
    """The request about a window of seconds with what is said in `span`, all of it later by `shift` seconds."""
    return _told(_extraction(script, window, shift), EXTRACT, script.lines, span, shift)


def refinement_request(script: ToldScript, lines: Sequence[Line], span: Span, shift: int = 0) -> str:
    """The request about `lines` with what is said in `span`, which is later by `shift` seconds."""
    return _told(refinement_prompt(lines), REFINE, script.lines, span, shift)


def _extraction(script: ToldScript, window: Sequence[int], shift: int) -> str:
    return extraction_prompt([(second + shift, script.captions[second]) for second in window])


def _shift(rng: random.Random, last: int) -> int:
    return rng.randint(0, (LAST_SECOND if rng.random() < 0.5 else max(last, _NUMBERS)) - last)


def _told(prompt: str, name: str, lines: Sequence[SpokenLine], span: Span, shift: int) -> str:
    """A prompt with what is said in a span of time, all of it later by `shift` seconds."""
    segments = tuple(
        SpokenSegment(start=Seconds(line.start + shift), end=Seconds(line.end + shift), text=line.text)
        for line in lines
    )
    moved = (span[0] + shift, span[1] + shift)
    return with_speech(prompt, Speech(segments, load(name)), moved, sys.maxsize, len)
