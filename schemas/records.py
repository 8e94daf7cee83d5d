"""The records that stages exchange, from `Source` to `Sample`: frozen and strict.

A record never holds a wall-clock time, a duration of work or a path of the machine, so that the same inputs give the
same bytes. Such facts are in columns of the ledger.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from schemas.errors import ErrorClass
from schemas.parts.denoised import Denoised
from schemas.parts.makers import Effort as Effort
from schemas.parts.makers import Maker as Maker
from schemas.parts.record import Record as Record
from schemas.parts.record import Sha256 as Sha256
from schemas.parts.safety import Safety
from schemas.parts.screen_text import ScreenText
from schemas.parts.transcript import Transcript
from schemas.time import FrameIndex, Seconds


class Origin(Record):
    """The place where a source was named: the list file and its 1-based row, or the command line (row 0)."""

    list_name: str
    row: int = Field(ge=0)


class SubtitleFile(Record):
    """A file of subtitles beside a local video: its path, the language that its name says (`und`: none), its form."""

    path: str
    language: str
    format: str


class Source(Record):
    """One video to curate, before any byte was fetched.

    `id` is safe in paths and URLs (`[A-Za-z0-9_-]{1,64}`): the list's own id where that is safe, else the YouTube id,
    else a hash of the address. `title` and `metadata` are as the list gives them: escape them before they are shown.
    `subtitles` are the files beside a local video in the languages of the configuration; None where none were looked
    for.
    """

    id: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
    kind: Literal["file", "url", "youtube"]
    uri: str
    title: str | None = None
    origin: Origin
    metadata: dict[str, str] = Field(default_factory=dict)
    subtitles: tuple[SubtitleFile, ...] | None = Field(default=None, exclude_if=lambda found: found is None)


class Chapter(Record):
    """A chapter that the publisher marked; `start` and `end` are in seconds."""

    start: float
    end: float
    title: str


class Subtitle(Record):
    """A subtitle track in the store; `automatic` says whether a machine made it."""

    language: str
    automatic: bool
    sha256: Sha256
    format: str


class StoredSound(Record):
    """A file of sound in the store, beside a video whose own file has none."""

    sha256: Sha256
    bytes: int
    extension: str


class Publication(Record):
    """The publisher's metadata of a video; every field may be missing or hostile."""

    title: str | None = None
    uploader: str | None = None
    channel: str | None = None
    channel_id: str | None = None
    licence: str | None = None
    upload_date: str | None = None
    language: str | None = None
    categories: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    chapters: tuple[Chapter, ...] = ()
    webpage_url: str | None = None
    extractor: str | None = None
    live: bool | None = None


class FilterScore(Record):
    """The value that one filter measured, and whether the video passes; kept in every mode.

    `enforced` says whether a failed score refuses the video.
    """

    name: str
    value: str | float | bool | None
    passed: bool
    enforced: bool
    detail: str = ""


class Judgement(Record):
    """The filter scores of a video that passed."""

    scores: tuple[FilterScore, ...]


class Video(Record):
    """A video file in the store, with the properties that the probe read.

    `duration` in seconds is stated by the container; `sha256` is the hash of the file; `rotation` in degrees (0, 90,
    180, 270, counter-clockwise as displayed) is already applied to `width` and `height`. `sound` is there only where a
    site gives it apart from the picture and the run wants it. `missed_subtitles` say which tracks are there and could
    not be had, and why.
    """

    id: str
    sha256: Sha256
    bytes: int
    extension: str
    container: str
    codec: str
    duration: float | None
    fps: float | None
    width: int
    height: int
    rotation: int
    has_audio: bool
    publication: Publication
    subtitles: tuple[Subtitle, ...] = ()
    sound: StoredSound | None = Field(default=None, exclude_if=lambda sound: sound is None)
    missed_subtitles: tuple[str, ...] = Field(default=(), exclude_if=lambda missed: not missed)
    scores: tuple[FilterScore, ...] = ()


class Frame(Record):
    """One sampled frame.

    `time` = index / sampling rate, in seconds from the first frame; `pts` is the presentation time stamp in seconds as
    the container counts it; `sha256` is the hash of the JPEG; `phash` is a perceptual hash of 64 bits in hex; `same_as`
    is the index of the earlier frame to which this frame is nearly identical and whose caption it can share; `picture`
    is the index of the earliest frame of the video that shows the same picture, to the eye. None where there is none;
    frames of earlier versions have no `picture`.
    """

    index: FrameIndex
    time: Seconds
    pts: float
    sha256: Sha256
    phash: Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")]
    shot: int
    same_as: FrameIndex | None = None
    picture: FrameIndex | None = None


class CrossCheck(Record):
    """The comparison of a few sampled frames with the pictures of an independent decoder."""

    backend: str
    compared: int
    agreed: int
    note: str = ""


class FrameSet(Record):
    """All sampled frames of a video, in order, with the defects of the file.

    `defects` are slugs with measured values (`truncated: decoded 10.0 s of 30.0 s`): the frames are usable, but the
    file is damaged. `shots` are (first, last) frame indices, both inclusive.
    """

    video_sha256: Sha256
    backend: str
    fps: float
    width: int
    height: int
    frames: tuple[Frame, ...] = Field(min_length=1)
    shots: tuple[tuple[int, int], ...]
    defects: tuple[str, ...] = ()
    cross_check: CrossCheck | None = None


class Caption(Record):
    """A caption bound to its frame by video hash, presentation time stamp and image hash.

    `reused_from` is the index of the earlier, nearly identical frame for which the caption was written.
    """

    index: FrameIndex
    time: Seconds
    video_sha256: Sha256
    pts: float
    image_sha256: Sha256
    text: str
    reused_from: FrameIndex | None = None
    effort: Effort = Effort()


class FailedCaption(Record):
    """A frame without a usable caption, with the reason and the raw reply."""

    index: FrameIndex
    time: Seconds
    reason: str
    raw: str = ""


class CaptionSet(Record):
    """The captions of a video in the order of the frames, and the frames without a caption."""

    maker: Maker
    captions: tuple[Caption, ...] = Field(min_length=1)
    failed: tuple[FailedCaption, ...] = ()


class Choice(Record):
    """The keyframes that one of several annotators chose, ascending; none, and `fault`, where no reply was usable.

    `fault` is a slug. An annotator is a model that was asked with a seed of its own. `maker` says which model, where
    several take turns; else it is None and not in the canonical text.
    """

    keyframes: tuple[FrameIndex, ...] = ()
    fault: str | None = None
    maker: Maker | None = Field(default=None, exclude_if=lambda maker: maker is None)


class Extract(Record):
    """The extractive summary: the sampled frames that were chosen as keyframes.

    `keyframes` ascend strictly; `ratio` = keyframes / sampled frames; `windows` = requests that the captions were split
    into because of the context length; `rounds` = how often the answers of the windows were united (the most of any
    annotator). `choices`: what each of several annotators chose, in their order, and `keyframes` is their consensus;
    empty, and not in the canonical text, where one was asked. `effort` is that of all annotators.
    """

    maker: Maker
    keyframes: tuple[FrameIndex, ...] = Field(min_length=1)
    times: tuple[Seconds, ...]
    ratio: float
    windows: int
    rounds: int
    effort: Effort
    choices: tuple[Choice, ...] = Field(default=(), exclude_if=lambda choices: not choices)


class Sentence(Record):
    """One sentence of the abstractive summary and the times (seconds) of the keyframes that it cites."""

    times: tuple[Seconds, ...] = Field(min_length=1)
    text: str = Field(min_length=1)


class MergedLine(Record):
    """A keyframe's caption that was left out because it nearly repeats the caption of keyframe `into`."""

    time: Seconds
    into: Seconds
    similarity: float


class Summary(Record):
    """The abstractive summary in the three forms of the task.

    `v2v`: times of the keyframes in seconds; `v2t`: plain text; `v2vt`: sentences in order of time, each with its
    keyframes; `merged`: near-duplicate captions that were merged into another caption before the rewriting.
    """

    maker: Maker
    v2v: tuple[Seconds, ...] = Field(min_length=1)
    v2t: str = Field(min_length=1)
    v2vt: tuple[Sentence, ...] = Field(min_length=1)
    merged: tuple[MergedLine, ...] = ()
    effort: Effort


class Rejection(Record):
    """The reason why a video is not in the dataset, or not yet. Every such video has this record.

    `title` and `address` name the video for people, where they are known; `address` is in its public form.
    """

    id: str
    stage: str
    error_class: ErrorClass
    reason: str
    evidence: str = ""
    title: str | None = None
    address: str | None = None


class Review(Record):
    """The result of people's verdicts on a sample, and the edits of people that its row carries.

    `reviewers` are the pseudonyms of the people whose verdicts count; `accept`, `fix` and `reject` count their
    decisions; `rating` is the mean of their ratings, 1..5. The status `disputed` means that people disagree or that
    their edits cannot be applied (`dispute` is the reason); the row is then as the models made it. `editor` is the
    person whose edits the row carries: edited captions, captions removed as wrong, keyframes added and dropped (all
    four by frame index), an edited summary, and corrected segments of the transcript (by their places from 0; not in
    the canonical text without any).
    """

    status: Literal["unreviewed", "accepted", "fixed", "disputed"] = "unreviewed"
    reviewers: tuple[str, ...] = ()
    accept: int = 0
    fix: int = 0
    reject: int = 0
    adjudicated: bool = False
    rating: float | None = None
    dispute: str | None = None
    editor: str | None = None
    captions_edited: tuple[FrameIndex, ...] = ()
    captions_withdrawn: tuple[FrameIndex, ...] = ()
    keyframes_added: tuple[FrameIndex, ...] = ()
    keyframes_dropped: tuple[FrameIndex, ...] = ()
    summary_edited: bool = False
    transcript_edited: tuple[int, ...] = Field(default=(), exclude_if=lambda places: not places)


class SampleScores(Record):
    """What was measured of a sample, as it is published; null where it was not measured.

    All are shares or cosines but `judge`, the mean of the judge's criteria (1..5). `binding_match` is the share of
    comparisons in which a caption is nearer to its own frame than to another frame of its video (0.5 is chance).
    `self_agreement` is that of several annotators (schemas.saliency), and in no row of one. The others are the scores
    of schemas.audit, by the same names.
    """

    grounding: float | None = None
    grounding_worst: float | None = None
    coverage: float | None = None
    coverage_shots: float | None = None
    coverage_text: float | None = None
    redundancy: float | None = None
    redundancy_pictures: float | None = None
    unsupported: float | None = None
    support: float | None = None
    support_pictures: float | None = None
    judge: float | None = None
    binding_match: float | None = None
    self_agreement: float | None = Field(default=None, exclude_if=lambda value: value is None)


class Sample(Record):
    """All records from which one published row is made; `review` is the result of people's verdicts.

    `transcript` is None where the run makes none, and with the corrections of `denoised`, which is None without a
    denoiser. `screen_text` is None where the run does not read the pictures' text, `safety` where it does not score
    what they show.
    """

    source: Source
    video: Video
    frames: FrameSet
    captions: CaptionSet
    extract: Extract
    summary: Summary
    transcript: Transcript | None = None
    denoised: Denoised | None = Field(default=None, exclude_if=lambda value: value is None)
    screen_text: ScreenText | None = Field(default=None, exclude_if=lambda value: value is None)
    safety: Safety | None = Field(default=None, exclude_if=lambda value: value is None)
    review: Review = Review()
    scores: SampleScores = SampleScores()
