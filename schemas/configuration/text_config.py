"""The sections of a run's configuration that concern texts: transcripts, captions, keyframes, summaries, audits."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from schemas.configuration.section import Count, Fraction, Language, Seconds, Section, Tokens, Unit
from schemas.configuration.video_config import ShareFilter

_PROMPT = "name of a prompt of this repository, or a file (.md); its text counts, not its name"
_ANSWER = "longest answer of the model to one request"
_ATTEMPTS = "requests for one answer, until it has the form that is asked for"
_SPEECH = "prompt that tells the model what is said, after the captions, where there is a transcript"
_LANGUAGE = "what the prompt asks for (ISO 639); null: any language"
RECOGNISING = ("recognise", "publisher-first")  # the values of `transcribe.mode` under which sound is recognised
VARIANTS = 1000  # variants of a request that belong to one annotator, one for each attempt


class TranscribeConfig(Section):
    """What is said in the videos, as data for the choice of keyframes and the summaries, and as a column of the rows.

    `publisher` reads the subtitles that `download.subtitles` names, those that people wrote before automatic ones, in
    the order of the languages; of your own films, the files beside them and the tracks in them. `recognise` lets
    `models.transcriber` hear the sound of the video's file. `publisher-first` recognises where there are no usable
    subtitles. A video without either goes on without a transcript; the row says why.
    """

    mode: Literal["disable", "publisher", "recognise", "publisher-first"] = Field(
        default="disable",
        description="publisher: the subtitles of the publisher; recognise: speech recognition; publisher-first: "
        "recognition where there are no subtitles; disable: no transcripts",
    )
    language: Language | None = Field(
        default=None, description="what is spoken, for the recogniser (ISO 639); null: it finds out, piece by piece"
    )
    voice: Literal["loudness", "silero"] = Field(
        default="loudness",
        description="what is sent: all that is loud enough; silero: what a network takes for speech (extra `speech`)",
    )
    piece_seconds: Seconds = Field(
        default=28, ge=5, le=600, description="longest piece of sound for one request; cut in pauses where there are"
    )
    max_seconds: Seconds = Field(
        default=14_400, ge=1, le=86_400, description="so much of a video's sound is recognised, from its beginning"
    )
    max_segments: Count = Field(
        default=5000, ge=1, le=100_000, description="longest transcript, in segments; what follows is left out"
    )
    max_characters: Count = Field(
        default=200_000, ge=1, le=2_000_000, description="longest transcript, in characters; what follows is left out"
    )


class OcrConfig(Section):
    """Text in the pictures, read by `models.reader`, as a column of the rows: titles, credits, subtitles, signs.

    A shot is read where its text may have changed. Models are not told what is read.
    """

    mode: Literal["enable", "disable"] = Field(
        default="disable", description="enable: text in the pictures is read; disable: it is not"
    )
    per_shot: Count = Field(default=60, ge=1, le=1000, description="most readings of a shot")
    share: Annotated[ShareFilter, Unit("share of the picture, 0 to 1")] = Field(
        default=ShareFilter(max=0.5),
        description="the part of the picture that text covers, in the mean over the frames",
    )


class DenoiseConfig(Section):
    """Corrections of what a machine heard, by `models.summarizer`: case, punctuation, misheard words.

    Subtitles that people wrote stay as they are. Each corrected line keeps its earlier text in the row. What adds or
    leaves out words, or brings another number or name, is refused.
    """

    mode: Literal["enable", "disable"] = Field(
        default="disable", description="enable: a model corrects transcripts that a machine made; disable: none does"
    )
    prompt: str = Field(default="denoise.v1", description=_PROMPT)
    max_tokens: Tokens = Field(default=1024, ge=64, description=_ANSWER)
    attempts: Count = Field(default=2, ge=1, description=_ATTEMPTS)


class CaptionConfig(Section):
    """The captions of frames, one for each frame. In clips, a request shows several frames with their times.

    Then motion and change can be said. A clip shows `clip_frames` frames, and before them the last one of the clip
    before.
    """

    unit: Literal["frame", "clip"] = Field(
        default="frame", description="what a request shows: one frame, or a clip of several"
    )
    prompt: str = Field(default="caption.v1", description=_PROMPT)
    clip_prompt: str = Field(default="caption-clip.v1", description="the prompt in the place of `prompt` for clips")
    clip_frames: Count = Field(default=4, ge=2, le=64, description="frames of a clip that get a caption")
    max_tokens: Tokens = Field(default=77, ge=8, description=_ANSWER)
    attempts: Count = Field(default=3, ge=1, description=_ATTEMPTS)
    max_failed: Fraction = Field(default=0.1, description="largest share of frames without a caption")
    language: Language | None = Field(default="en", description=_LANGUAGE)

    @property
    def asked(self) -> str:
        """The prompt that is used."""
        return self.clip_prompt if self.unit == "clip" else self.prompt

    @property
    def pictures(self) -> int:
        """The most pictures of a request."""
        return self.clip_frames + 1 if self.unit == "clip" else 1


class ExtractConfig(Section):
    """The choice of keyframes. Ratio = keyframes / sampled frames (published mean 0.1639)."""

    prompt: str = Field(default="extract.v2", description=_PROMPT)
    speech_prompt: str = Field(default="extract-speech.v1", description=_SPEECH)
    ratio_min: Fraction = Field(default=0.03, description="smallest ratio of keyframes")
    ratio_target: Fraction = Field(default=0.1639, description="ratio of keyframes that the prompt asks for")
    ratio_max: Fraction = Field(default=0.35, description="largest ratio of keyframes")
    min_keyframes: Count = Field(default=1, ge=1, description="fewest keyframes of a video")
    max_keyframes: Count = Field(default=120, ge=1, description="most keyframes of a video")
    window_frames: Count | None = Field(
        default=None, ge=4, description="most frames in a request; limited by tokens alone when left out"
    )
    overlap_frames: Count = Field(
        default=0, ge=0, description="frames of the request before that a request shows again; at most half of them"
    )
    max_tokens: Tokens = Field(default=1024, ge=16, description=_ANSWER)
    attempts: Count = Field(default=3, ge=1, description=_ATTEMPTS)
    annotators: Count = Field(
        default=1,
        ge=1,
        le=100,
        description="how often keyframes are chosen, each time by the next model (`models.annotators`) or with another "
        "seed; from 2 on, keyframes are what most chose, and the export has `saliency`",
    )

    @model_validator(mode="after")
    def _ordered(self) -> ExtractConfig:
        if self.annotators > 1 and self.attempts > VARIANTS:
            raise ValueError(f"with several annotators, attempts must not exceed {VARIANTS}")
        if not self.ratio_min <= self.ratio_target <= self.ratio_max:
            raise ValueError("ratio_min <= ratio_target <= ratio_max must hold")
        if self.min_keyframes > self.max_keyframes:
            raise ValueError("min_keyframes must not exceed max_keyframes")
        return self


class RefineConfig(Section):
    """The merging of near-duplicate captions, then their rewriting as a summary."""

    prompt: str = Field(default="refine.v2", description=_PROMPT)
    speech_prompt: str = Field(default="refine-speech.v1", description=_SPEECH)
    similarity: Annotated[Fraction, Unit("cosine, 0 to 1")] = Field(
        default=0.9, description="captions at least so similar count as a repetition"
    )
    window_seconds: Seconds | None = Field(
        default=30.0, ge=0, description="captions further apart are no repetition; null: anywhere in the video"
    )
    lines: Count | None = Field(
        default=None, ge=1, description="most lines in a request; limited by tokens alone when left out"
    )
    max_tokens: Tokens = Field(default=1024, ge=16, description=_ANSWER)
    attempts: Count = Field(default=3, ge=1, description=_ATTEMPTS)
    language: Language | None = Field(default="en", description=_LANGUAGE)


class BindingConfig(Section):
    """The binding audit: is each caption attached to the picture that it was written for? Every video is checked.

    Pictures with known content, the canaries, are captioned among the frames. Captions are compared with their own
    frame and with frames of other videos (this needs models.clip). All shares are over the latest observations of the
    run. An alarm needs `least` captions, or 4 canaries, or 8 canaries of one server when there are several.

    Summaries and choices of keyframes are watched too, over the latest 64 videos of the workspace.
    """

    mode: Literal["enable", "disable", "score-only"] = Field(
        default="enable", description="enable: an alarm halts the run; score-only: it is logged; disable: no audit"
    )
    canaries: Count = Field(default=1, ge=0, description="canaries in each group of `canary_every` captions")
    canary_every: Count = Field(default=100, ge=1, description="captions of a group, the last one may be smaller")
    canary_pictures: str | None = Field(
        default=None,
        description="a folder of your own canaries with canaries.json; null: simple shapes and words are drawn, which "
        "any general model can name",
    )
    min_canaries: Fraction = Field(default=0.5, description="share of the canaries that must be recognized")
    sample: Count = Field(default=16, ge=0, description="captions of each video that are compared with frames")
    others: Count = Field(default=8, ge=1, description="frames of other videos that each is compared with")
    min_match: Fraction = Field(
        default=0.65, description="share of the comparisons in which the own frame must be more similar"
    )
    max_share: Fraction = Field(
        default=0.3, description="share of the unlike frames that one caption text may cover at most"
    )
    max_same_summaries: Fraction = Field(
        default=0.05,
        description="share of the videos that may be unlike and have nearly the same summary (an alarm needs 3)",
    )
    min_choice_chance: Annotated[Fraction, Unit("probability")] = Field(
        default=1e-6,
        description="alarm when one choice of keyframes is so frequent that honest choices would coincide like that "
        "with a smaller chance",
    )
    least: Count = Field(default=48, ge=1, description="captions that an alarm needs")


class AuditConfig(Section):
    """Scores of every finished sample, and what little support by the captions means for it.

    A sample that waits for people is not published until they accept it. `refuse_below` and `review_below` hold in
    every mode but `disable`; docs/results/audit.md shows how they were chosen, and a change of them makes nothing due.
    In the mode `enable` scores beyond the other thresholds are marked, which helps people to choose.
    """

    mode: Literal["enable", "disable", "score-only"] = Field(
        default="score-only", description="enable: mark scores beyond a threshold; score-only: store; disable: no audit"
    )
    refuse_below: Fraction | None = Field(
        default=0.15, description="a summary without a sentence of this support is no sample; null: off"
    )
    review_below: Fraction | None = Field(
        default=0.3,
        description="a summary whose mean support is lower, or which its captions contradict, waits for people; null: "
        "off",
    )
    min_grounding: Annotated[float, Unit("CLIP similarity")] | None = Field(
        default=None,
        description="mean similarity of keyframes and captions below which a sample is marked; its scale depends on "
        "the CLIP",
    )
    min_coverage: Fraction | None = Field(
        default=None, description="share of the captioned content in the keyframes below which a sample is marked"
    )
    max_redundancy: Fraction | None = Field(
        default=None, description="how far sentences may repeat each other before a sample is marked"
    )
    max_unsupported: Fraction | None = Field(
        default=None, description="share of unsupported sentences above which a sample is marked"
    )
    support: Fraction = Field(
        default=0.5, description="a sentence is supported when its mean of shared words and similarity reaches this"
    )
    judge_prompt: str = Field(default="judge.v2", description=_PROMPT)
    judge_max_tokens: Tokens = Field(default=512, ge=16, description=_ANSWER)
    attempts: Count = Field(default=2, ge=1, description=_ATTEMPTS)
