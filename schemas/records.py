"""The records that stages exchange, from `Source` to `Sample`: frozen, strict, versioned.

A record never holds a wall-clock time, a duration of work or a path of the machine, so that the same
inputs give the same bytes. Such facts live in the ledger's own columns.
"""

from __future__ import annotations

import hashlib
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from schemas.errors import ErrorClass
from schemas.time import FrameIndex, Seconds

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
RECORD_VERSION = 1


class Record(BaseModel):
    """Base of all records: immutable, unknown fields refused, NaN refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    def canonical(self) -> str:
        """The one JSON text of this record: field order as declared, no spaces."""
        return self.model_dump_json()

    def digest(self) -> str:
        """SHA-256 (64 hex) of the canonical text: what later stages depend on."""
        return hashlib.sha256(self.canonical().encode()).hexdigest()


class Origin(Record):
    """Where a source was named: the list file and its 1-based row, or the command line (row 0)."""

    list_name: str
    row: int = Field(ge=0)


class Source(Record):
    """One video to curate, before anything was fetched.

    `id` is safe in paths and URLs (`[A-Za-z0-9_-]{1,64}`): the list's own id where it is safe, the
    YouTube id, or a hash of the address. `title` and `metadata` are as given, hostile until escaped.
    """

    id: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
    kind: Literal["file", "url", "youtube"]
    uri: str
    title: str | None = None
    origin: Origin
    metadata: dict[str, str] = Field(default_factory=dict)


class Chapter(Record):
    """A chapter mark of the publisher, in seconds."""

    start: float
    end: float
    title: str


class Subtitle(Record):
    """A subtitle track in the store, with its language and whether a machine made it."""

    language: str
    automatic: bool
    sha256: Sha256
    format: str


class Publication(Record):
    """What the publisher says of a video; every field may be missing or hostile."""

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
    """What one filter measured, and whether it lets the video pass; kept in every mode."""

    name: str
    value: str | float | bool | None
    passed: bool
    enforced: bool
    detail: str = ""


class Judgement(Record):
    """What the filters measured of a video that they let pass."""

    scores: tuple[FilterScore, ...]


class Video(Record):
    """A video file in the store, probed.

    `duration` in seconds is what the container says; `sha256` is of the file; `rotation` in degrees
    (0, 90, 180, 270, counter-clockwise as displayed) is already applied to `width` and `height`.
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
    scores: tuple[FilterScore, ...] = ()


class Frame(Record):
    """One sampled frame.

    `time` = index / sampling rate, seconds from the first frame; `pts` is the true presentation
    time stamp in seconds as the container counts it; `sha256` is of the JPEG; `phash` 64 bits in hex;
    `same_as` is the index of the earlier frame that this one is nearly identical with.
    """

    index: FrameIndex
    time: Seconds
    pts: float
    sha256: Sha256
    phash: Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")]
    shot: int
    same_as: FrameIndex | None = None


class CrossCheck(Record):
    """What an independent decoder said of a few sampled frames."""

    backend: str
    compared: int
    agreed: int
    note: str = ""


class FrameSet(Record):
    """All sampled frames of a video, in order, with what was wrong with the file.

    `defects` are slugs with a measured value (`truncated: decoded 10.0 s of 30.0 s`): the frames are
    usable, the file is not whole. `shots` are (first, last) frame indices, both inclusive.
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


class Maker(Record):
    """Which prompt, model and sampling parameters made a text."""

    prompt: str
    prompt_sha256: Sha256
    model: str
    revision: str
    sampling: dict[str, float | int | str | bool | None]


class Effort(Record):
    """What a model's text cost: tokens read and written, requests sent, and whether it was repaired."""

    tokens_in: int = 0
    tokens_out: int = 0
    attempts: int = 0
    repaired: bool = False

    def __add__(self, other: Effort) -> Effort:
        """The sum of two efforts."""
        return Effort(
            tokens_in=self.tokens_in + other.tokens_in,
            tokens_out=self.tokens_out + other.tokens_out,
            attempts=self.attempts + other.attempts,
            repaired=self.repaired or other.repaired,
        )


class Caption(Record):
    """A caption bound to its frame by video hash, presentation time stamp and image hash.

    `reused_from` names the near-identical earlier frame whose caption this is.
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
    """A frame whose caption could not be had, with the reason and the raw reply."""

    index: FrameIndex
    time: Seconds
    reason: str
    raw: str = ""


class CaptionSet(Record):
    """The captions of a video in frame order, and the frames that got none."""

    maker: Maker
    captions: tuple[Caption, ...] = Field(min_length=1)
    failed: tuple[FailedCaption, ...] = ()


class Extract(Record):
    """The extractive summary: which sampled moments matter.

    `keyframes` ascend strictly; `ratio` = keyframes / sampled frames; `windows` = requests that the
    captions were split into because of the context length, `rounds` = merges of their answers.
    """

    maker: Maker
    keyframes: tuple[FrameIndex, ...] = Field(min_length=1)
    times: tuple[Seconds, ...]
    ratio: float
    windows: int
    rounds: int
    effort: Effort


class Sentence(Record):
    """One sentence of the abstractive summary and the keyframes (seconds) that it rests on."""

    times: tuple[Seconds, ...] = Field(min_length=1)
    text: str = Field(min_length=1)


class MergedLine(Record):
    """A caption that was left out because it nearly repeats another one."""

    time: Seconds
    into: Seconds
    similarity: float


class Summary(Record):
    """The abstractive summary in the three forms of the task.

    `v2v`: keyframe seconds; `v2t`: plain text; `v2vt`: sentences in time order, each with its keyframes;
    `merged`: near-duplicate captions that were folded into another before the rewriting.
    """

    maker: Maker
    v2v: tuple[Seconds, ...] = Field(min_length=1)
    v2t: str = Field(min_length=1)
    v2vt: tuple[Sentence, ...] = Field(min_length=1)
    merged: tuple[MergedLine, ...] = ()
    effort: Effort


class Rejection(Record):
    """Why a video is not in the dataset (yet): a row like any other, never a silence."""

    id: str
    stage: str
    error_class: ErrorClass
    reason: str
    evidence: str = ""


class Review(Record):
    """What people said of a sample, and what of theirs its row carries.

    `reviewers` are pseudonyms of those whose verdicts count, `decisions` how many of them there are of each kind,
    `rating` the mean of their 1..5. `disputed`: they disagree, or what they want cannot be applied (`dispute` says
    which); the row is then as the models made it. `editor` is the one whose edits the row carries: captions as they
    wrote them, captions that they took away as wrong, keyframes (frame indices) added and dropped, and sentences.
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


class Sample(Record):
    """Everything that one published row is made from; `review` is that of the people who judged it."""

    source: Source
    video: Video
    frames: FrameSet
    captions: CaptionSet
    extract: Extract
    summary: Summary
    review: Review = Review()
