"""The upstream file under the rules of the upstream loader, which are stated here anew."""

import re
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from curation.release.formats.items import Item
from curation.release.formats.v2xum_llm import record
from schemas.kit.neutral import neutral
from schemas.records import Sentence
from schemas.release import Task
from schemas.temporal import parse_slots
from schemas.time import Seconds
from tests.schemas.kit.test_neutral import hostile

TASKS: tuple[Task, ...] = ("v2v", "v2t", "v2vt")


@st.composite
def items(draw: st.DrawFn) -> Item:
    """Videos with hostile texts, any number of frames and keyframes, several times a sentence."""
    frames, fps = draw(st.integers(1, 700)), draw(st.sampled_from([1.0, 2.0, 0.5, 29.97]))
    chosen = sorted(draw(st.sets(st.integers(0, frames - 1), min_size=1, max_size=98)))
    times = [Seconds(index / fps) for index in chosen]
    cited = st.lists(st.sampled_from(times), min_size=1, max_size=40, unique=True).map(sorted)
    texts = draw(st.lists(hostile(), min_size=1, max_size=4))
    return Item(
        id="v",
        split="train",
        media="v.mp4",
        frames=frames,
        fps=fps,
        onehot=tuple(int(index in set(chosen)) for index in range(frames)),
        keyframes=tuple(times),
        text=neutral(draw(hostile())),
        sentences=tuple(Sentence(times=tuple(draw(cited)), text=neutral(text)) for text in texts),
    )


def loaded(made: dict[str, Any]) -> list[str]:
    """The turns as upstream's loader makes them: seconds / duration x 100, rounded, at most 99, two digits."""
    turns = [turn["value"] for turn in made["conversations"]]
    for name, seconds in made["meta"]["token"].items():
        slot = str(min(round(seconds / made["meta"]["duration"] * 100), 99))
        turns = [turn.replace(name, slot.zfill(2)) for turn in turns]
    return turns


@given(items(), st.sampled_from(TASKS))
def test_the_loader_finds_one_video_two_roles_and_one_end(item: Item, task: Task) -> None:
    question, answer = loaded(record(item, task))
    prompt = f"A chat. USER: {question} ASSISTANT: {answer}</s>"
    assert len(prompt.split("<video>")) == 2
    assert [part for part in prompt.split("</s>") if part] == [prompt.removesuffix("</s>")]
    assert len(prompt.split(" ASSISTANT: ")) == 2 and prompt.count("USER: ") == 1
    assert "<image>" not in question and "<f" not in answer


@given(items())
def test_a_sentence_has_each_slot_once_and_keeps_its_text(item: Item) -> None:
    lines = parse_slots(loaded(record(item, "v2vt"))[1])
    assert [line.text for line in lines] == [sentence.text for sentence in item.sentences]
    for line, sentence in zip(lines, item.sentences, strict=True):
        wanted = [min(round(time / item.duration * 100), 99) for time in sentence.times]
        assert list(line.slots) == list(dict.fromkeys(wanted))


@given(items())
def test_the_keyframes_have_each_slot_once(item: Item) -> None:
    answer = loaded(record(item, "v2v"))[1]
    slots = re.findall(r"\[([0-9]{2})\]", answer)
    assert " ".join(f"[{slot}]" for slot in slots) == answer and len(set(slots)) == len(slots)


@given(items().filter(lambda item: item.duration >= 4))
def test_a_slot_lies_at_most_one_slot_and_a_half_from_the_frame_that_upstream_shows(item: Item) -> None:
    """Its features show slot k at k / 99 of the last frame's time, its labels divide by the duration, and round."""
    last = item.duration - 1 / 30
    for time in item.keyframes:
        slot = min(round(time / item.duration * 100), 99)
        assert abs(slot - time / last * 99) <= 1.5


def test_ninety_eight_keyframes_of_600_seconds_give_no_slot_twice() -> None:
    """As one sentence they gave 70 repeated marks before."""
    times = tuple(Seconds(float(index)) for index in range(98))
    item = Item("v", "train", "v.mp4", 600, 1.0, (1,) * 98 + (0,) * 502, times, "x", (Sentence(times=times, text="x"),))
    marks = re.findall(r"\[[0-9]{2}\]", loaded(record(item, "v2vt"))[1])
    assert len(marks) == len(set(marks)) == 17
