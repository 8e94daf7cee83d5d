"""Requests with speech are those of production, and their answers are what the lines say."""

from __future__ import annotations

import json
import random
import re

from hypothesis import given, settings
from hypothesis import strategies as st

from curation.text.extract import extract
from curation.text.refine import refine
from curation.text.speech import Speech, spans
from curation.text.windows import windows
from demo.spoken import with_narrator
from demo.tiny_models.speech_data import (
    EXTRACT,
    REFINE,
    ToldScript,
    extraction_request,
    refinement_request,
    told_extraction,
    told_refinement,
    told_script,
    told_scripts,
)
from demo.tiny_models.summary_data import extraction_prompt, merged, refinement_prompt
from demo.world import make_script, shows_event
from models.chat import Request
from prompts import load
from schemas.configuration.config import ExtractConfig, RefineConfig
from schemas.parts.transcript import SpokenSegment
from schemas.time import Seconds
from tests.curation.scripted import EMBEDDER, Scripted, arbitrary, make_captions

SCRIPTS = told_scripts(range(40))
CAPTION = re.compile(r"^(.+) (\d+)$", re.MULTILINE)
SAID = re.compile(r"^\[(\d+)-(\d+)\] (.+)$", re.MULTILINE)
FENCE = "-----"


def speech(script: ToldScript, name: str) -> Speech:
    segments = [SpokenSegment(start=Seconds(a.start), end=Seconds(a.end), text=a.text) for a in script.lines]
    return Speech(tuple(segments), load(name))


def parts(prompt: str) -> tuple[str, list[tuple[int, str]]]:
    """A request without its block, and the lines of the block: when each begins, and what it says."""
    body, _, block = prompt.partition("\n\nWhat is said")
    said = [(int(start), text) for start, _, text in SAID.findall(block)]
    assert block.count(FENCE) == (2 if block else 0)
    return body, said


@given(st.integers(0, 10**9), st.integers(1, 4))
@settings(max_examples=100)
def test_extraction_answers_are_what_is_shown_and_what_is_said(seed: int, count: int) -> None:
    example = told_extraction(random.Random(seed), SCRIPTS, count)
    body, said = parts(example.prompt)
    captions = {int(second): text for text, second in CAPTION.findall(body)}
    assert len(captions) == count
    right = {second for second, text in captions.items() if shows_event(text)}
    right |= {second for second, text in said if shows_event(text)}
    assert json.loads(example.answer) == {"keyframes": sorted(right)}
    assert right <= captions.keys() and all(0 <= second <= 999 for second in captions)


@given(st.integers(0, 10**9))
@settings(max_examples=100)
def test_refinement_answers_tell_what_is_shown_alone(seed: int) -> None:
    example = told_refinement(random.Random(seed), SCRIPTS, 1)
    body, said = parts(example.prompt)
    ((seconds, caption),) = re.findall(r"^\[([\d,]+)\] (.+)$", body, re.MULTILINE)
    (sentence,) = json.loads(example.answer)["sentences"]
    assert sentence["keyframes"] == [int(second) for second in seconds.split(",")]
    assert caption.startswith(sentence["text"].rstrip("."))
    assert sentence["text"] not in {text for _, text in said} or not shows_event(sentence["text"])


def test_windows_with_and_without_speech_come_often() -> None:
    rng = random.Random(0)
    blocks = [parts(told_extraction(rng, SCRIPTS, 4).prompt)[1] for _ in range(300)]
    assert 0.1 < sum(not said for said in blocks) / 300 < 0.6
    assert 0.4 < sum(shows_event(text) for said in blocks for _, text in said) / sum(map(len, blocks)) < 0.6


def test_extractions_are_the_requests_of_production() -> None:
    for seed in range(5):
        script = told_script(with_narrator(make_script(seed)))
        texts = [text if second in script.offered else None for second, text in enumerate(script.captions)]
        model = Scripted(arbitrary)
        config = ExtractConfig(window_frames=4, ratio_max=1.0)
        prompt, told = load("extract-tiny.v1"), speech(script, EXTRACT)
        extract(make_captions(texts), len(texts), 1.0, model, prompt, config, None, told)
        asked = [request.text for request in model.requests]
        split = [[script.offered[i] for i in window] for window in windows(len(script.offered), lambda _: True, 4)]
        made = [
            extraction_request(script, window, span)
            for window, span in zip(split, spans([float(window[0]) for window in split]), strict=True)
        ]
        assert asked[: len(made)] == made
        assert any(parts(text)[1] for text in made) and any(
            text == extraction_prompt([(second, script.captions[second]) for second in window])
            for text, window in zip(made, split, strict=True)
        )


def test_refinements_are_the_requests_of_production() -> None:
    script = told_script(with_narrator(make_script(2)))
    chosen = sorted(script.shown | script.said)
    lines = merged(chosen, script.captions)
    answers = {refinement_prompt([line]).splitlines()[-1]: line for line in lines}

    def rule(request: Request) -> str:
        line = answers[parts(request.text)[0].splitlines()[-1]]
        return json.dumps({"sentences": [{"keyframes": list(line.seconds), "text": line.caption}]})

    model = Scripted(rule)
    captions = make_captions(script.captions)
    found = extract(
        captions.model_copy(update={"captions": tuple(captions.captions[second] for second in chosen)}),
        len(script.captions), 1.0, Scripted(lambda _: json.dumps({"keyframes": chosen})), load("extract-tiny.v1"),
        ExtractConfig(ratio_max=1.0),
    )  # fmt: skip
    config = RefineConfig(lines=1, similarity=0.99, window_seconds=3, attempts=1, language=None)
    refine(captions, found, 1.0, model, load("refine-tiny.v1"), EMBEDDER, config, speech(script, REFINE))
    told = spans([float(line.seconds[0]) for line in lines])
    assert [request.text for request in model.requests] == [
        refinement_request(script, [line], span) for line, span in zip(lines, told, strict=True)
    ]
