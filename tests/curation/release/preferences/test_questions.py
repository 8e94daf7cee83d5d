"""The rebuilt requests are those that the stages sent: an engine that keeps its requests is the oracle."""

import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import prompts
from curation.release.preferences.questions import TOO_LONG, Questions, offered_seconds
from curation.text import extract, refine
from curation.text.candidates import offered_as, one_of_each_picture
from curation.text.caption import caption_frames
from schemas.configuration.config import CaptionConfig, ExtractConfig, RefineConfig
from schemas.configuration.loading import load_config
from schemas.records import Sample
from schemas.repository import ROOT
from tests.curation.samples import make_sample
from tests.curation.scripted import (
    EMBEDDER,
    Scripted,
    after,
    arbitrary,
    line_by_line,
    make_frames,
    make_video,
    picture,
)

CONFIG = load_config(ROOT / "configs" / "demo.yaml", ())
WORDS = ("a dog runs on grass", "two cooks fold dumplings", "rain [3] falls", "the crowd claps")
PROMPTS = {
    "caption": prompts.load("caption.v1"),
    "extract": prompts.load("extract.v2"),
    "refine": prompts.load("refine.v2"),
}


@st.composite
def made(draw: st.DrawFn) -> tuple[Sample, Questions, dict[str, Scripted]]:
    """A sample that the stages made with scripted engines, the questions about it, and the engines by stage."""
    size = draw(st.integers(1, 25))
    same: list[int | None] = [None]
    for _ in range(size - 1):
        same.append(draw(st.sampled_from([None, *(i for i, s in enumerate(same) if s is None)])))
    frames = make_frames(same, fps := draw(st.sampled_from([0.5, 1.0, 2.0])))
    config = CONFIG.model_copy(
        update={
            "caption": CaptionConfig(),
            "extract": ExtractConfig(
                ratio_max=1.0,
                window_frames=draw(st.none() | st.integers(4, 12)),
                max_keyframes=draw(st.integers(1, 30)),
            ),
            "refine": RefineConfig(lines=draw(st.none() | st.integers(1, 6)), window_seconds=None),
        }
    )
    bad = draw(st.sampled_from([[], ["no answer"]]))
    number = {hashlib.sha256(picture(i)).hexdigest(): i for i in range(size)}

    def see(request: object) -> str:
        return WORDS[number[hashlib.sha256(request.image).hexdigest()] % len(WORDS)]  # type: ignore[attr-defined]

    engines = {
        "caption": Scripted(see),
        "extract": Scripted(after(bad, arbitrary)),
        "refine": Scripted(after(bad, line_by_line)),
    }
    captions = caption_frames(make_video(), frames, picture, engines["caption"], PROMPTS["caption"], config.caption)
    offered = one_of_each_picture(captions, frames)
    chosen = extract.extract(offered, size, fps, engines["extract"], PROMPTS["extract"], config.extract)
    summary = refine.refine(captions, chosen, fps, engines["refine"], PROMPTS["refine"], EMBEDDER, config.refine)
    sample = make_sample().model_copy(
        update={"frames": frames, "captions": captions, "extract": chosen, "summary": summary}
    )
    return sample, Questions(PROMPTS, config), engines


@pytest.mark.slow
@settings(max_examples=40)
@given(made())
def test_what_is_said_to_be_asked_was_asked(run: tuple[Sample, Questions, dict[str, Scripted]]) -> None:
    sample, questions, engines = run
    for stage, asked in (("extract", questions.keyframes(sample)), ("refine", questions.summary(sample))):
        sent = [request.text for request in engines[stage].requests]
        assert not asked.whole or set(sent) == {asked.question.text}
        if len(sent) == 1:
            assert asked.whole and sent == [asked.question.text]
    for made_caption in sample.captions.captions:
        asked = questions.caption(sample, made_caption.index)
        pictures = [request.image for request in engines["caption"].requests if request.text == asked.question.text]
        assert asked.whole == (picture(made_caption.index) in pictures)


@pytest.mark.slow
@settings(max_examples=40)
@given(made())
def test_the_models_own_answers_are_answers(run: tuple[Sample, Questions, dict[str, Scripted]]) -> None:
    sample, questions, _ = run
    chosen = extract.reply_of(offered_seconds(sample, sample.extract.keyframes))
    assert chosen == extract.reply_of(sample.extract.times), "the model's keyframes were offered"
    assert questions.keyframes(sample).fault(chosen) is None
    if questions.summary(sample).whole:
        assert questions.summary(sample).fault(refine.reply_of(sample.summary.v2vt)) is None
    for caption in sample.captions.captions:
        assert questions.caption(sample, caption.index).fault(caption.text) is None


@given(made())
@settings(max_examples=30)
def test_a_picture_is_offered_at_one_second(run: tuple[Sample, Questions, dict[str, Scripted]]) -> None:
    sample, _, _ = run
    known = offered_as(sample.captions, sample.frames)
    offered = {caption.index for caption in one_of_each_picture(sample.captions, sample.frames).captions}
    assert set(known.values()) == offered and all(known[index] == index for index in offered)
    for frame in sample.frames.frames:
        if frame.same_as is not None:
            assert known[frame.index] == known[frame.same_as]


def test_another_text_of_a_prompt_was_not_asked() -> None:
    sample = make_sample()
    questions = Questions(PROMPTS, CONFIG)
    assert not questions.caption(sample, 0).whole and not questions.keyframes(sample).whole


def test_a_prompt_that_a_release_cuts_is_said_to_be_too_long() -> None:
    sample = make_sample("v000", 200, captions=("word " * 199,))
    asked = Questions(PROMPTS, CONFIG).keyframes(sample)
    assert not asked.whole and asked.fault('{"keyframes":[0]}') == TOO_LONG
