"""What the models were asked about a sample, rebuilt from its records and the prompts, without a model.

A request is rebuilt as one that holds the whole video. That is what was asked, unless the video was too long for one
request, a caption was shared with a nearly identical frame or made in a clip, or the prompt's file has another text by
now. Where something is said in a video, the request may have had a part of it alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from curation.release.readable import LONGEST
from curation.text import caption, extract, refine
from curation.text.ask import Question
from curation.text.candidates import offered_as, one_of_each_picture
from curation.text.speech import Speech, speech_of
from prompts import Prompt
from schemas.configuration.config import CurateConfig
from schemas.records import Maker, Sample
from schemas.time import FrameIndex

TOO_LONG = "too_long"  # a text that the release cuts


class Asked(NamedTuple):
    """A question with its prompt and the record of the model; `whole`: the model was asked exactly this, at once."""

    question: Question
    prompt: Prompt
    maker: Maker
    whole: bool

    def fault(self, answer: str) -> str | None:
        """Why a text could not be an answer to this question, as a slug; None for one that could."""
        if max(len(self.question.text), len(answer)) > LONGEST:
            return TOO_LONG
        return self.question.fault(answer)


class Questions:
    """Rebuilds the requests of the three stages that ask a model."""

    def __init__(self, prompts: Mapping[str, Prompt], config: CurateConfig) -> None:
        """Take the prompts by the name of their stage, and the settings with which the samples were made."""
        self._prompts, self._config = prompts, config

    def caption(self, sample: Sample, index: FrameIndex) -> Asked:
        """The request for the caption of a frame; its picture comes after the text."""
        prompt = self._prompts["caption"]
        (made,) = (one for one in sample.captions.captions if one.index == index)
        question = caption.question(prompt, self._config.caption.language)
        alone = made.reused_from is None and self._config.caption.unit == "frame"
        return _asked(question, prompt, sample.captions.maker, alone)

    def keyframes(self, sample: Sample) -> Asked:
        """The request for the keyframes, with the captions of all frames that were offered."""
        prompt, made = self._prompts["extract"], sample.extract
        offered = one_of_each_picture(sample.captions, sample.frames)
        speech = self._speech(sample, "extract-speech")
        question = extract.question(offered, len(sample.frames.frames), prompt, self._config.extract, speech)
        known = {one.index for one in offered.captions}
        # No reply said what several annotators agree on.
        once = made.windows == 1 and made.rounds == 0 and not made.choices
        whole = once and speech is None and known.issuperset(made.keyframes)
        return _asked(question, prompt, made.maker, whole)

    def summary(self, sample: Sample) -> Asked:
        """The request for the summary, with the captions of all keyframes. Its windows are in no record.

        One attempt was one request; of several, some may have been for a part of the video each.
        """
        prompt, made = self._prompts["refine"], sample.summary
        speech = self._speech(sample, "refine-speech")
        question = refine.question(sample.captions, sample.extract, made.merged, prompt, self._config.refine, speech)
        return _asked(question, prompt, made.maker, made.effort.attempts == 1 and speech is None)

    def _speech(self, sample: Sample, prompt: str) -> Speech | None:
        return speech_of(sample.transcript, self._prompts.get(prompt))


def offered_seconds(sample: Sample, keyframes: tuple[FrameIndex, ...]) -> tuple[float, ...]:
    """Keyframes as an answer names them: a frame whose picture was offered at another second has that second."""
    known, frames = offered_as(sample.captions, sample.frames), sample.frames.frames
    return tuple(frames[index].time for index in sorted({known.get(index, index) for index in keyframes}))


def _asked(question: Question, prompt: Prompt, maker: Maker, whole: bool) -> Asked:
    same = maker.prompt_sha256 == prompt.sha256 and len(question.text) <= LONGEST
    return Asked(question, prompt, maker, whole and same)
