"""Generated requests have the answers that the rules give."""

import json
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from demo.tiny_models.summary_data import (
    Line,
    extraction,
    merged,
    refinement,
    refinement_answer,
    refinement_prompt,
    script_truths,
)
from demo.world import make_script, shows_event

SCRIPTS = script_truths(range(50))


@given(st.integers(0, 2**32), st.integers(1, 32))
@settings(max_examples=100)
def test_extraction_answers_are_the_seconds_of_events(seed: int, count: int) -> None:
    example = extraction(random.Random(seed), SCRIPTS, count)
    lines = [line.rpartition(" ") for line in example.prompt.splitlines()[1:]]
    assert len(lines) == count
    shown = [int(second) for caption, _, second in lines if shows_event(caption)]
    assert json.loads(example.answer) == {"keyframes": shown}
    assert all(0 <= second <= 999 for second in shown)
    assert " " not in example.answer


@given(st.integers(0, 2**32), st.integers(1, 16))
@settings(max_examples=100)
def test_refinement_answers_cite_every_second_once(seed: int, count: int) -> None:
    example = refinement(random.Random(seed), SCRIPTS, count)
    lines = [line for line in example.prompt.splitlines() if line.startswith("[")]
    assert 1 <= len(lines) <= count
    cited = [second for sentence in json.loads(example.answer)["sentences"] for second in sentence["keyframes"]]
    assert cited == [int(second) for line in lines for second in line[1 : line.index("]")].split(",")]
    assert cited == sorted(set(cited))


def test_unmerged_lines_of_one_event_share_a_sentence() -> None:
    lines = [Line((3,), "A red circle moves left, gray room."), Line((4, 5), "A red circle moves left, pink hall.")]
    assert refinement_answer(lines) == '{"sentences":[{"keyframes":[3,4,5],"text":"A red circle moves left."}]}'
    assert refinement_prompt(lines).endswith(
        "\n[3] A red circle moves left, gray room.\n[4,5] A red circle moves left, pink hall."
    )


def test_quotes_in_signs_are_escaped() -> None:
    answer = refinement_answer([Line((9,), 'A sign reads "EXIT", gray room.')])
    assert answer == '{"sentences":[{"keyframes":[9],"text":"A sign reads \\"EXIT\\"."}]}'


@pytest.mark.parametrize("seed", range(5))
def test_a_script_merges_to_one_line_an_event(seed: int) -> None:
    script = make_script(seed)
    lines = merged(script.keyframes, script.captions)
    assert [line.seconds for line in lines] == [event.seconds for event in script.events]
