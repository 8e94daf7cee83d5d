"""Samples with generated pictures: a plain factory, a hypothesis strategy for hostile samples, and their export."""

from __future__ import annotations

import functools
import hashlib
import io
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from hypothesis import strategies as st
from PIL import Image, ImageDraw

from curation.dataset.write import export
from schemas.arrow import PLAIN, Columns
from schemas.configuration.config import ExportConfig
from schemas.manifest import Manifest
from schemas.records import (
    Caption,
    CaptionSet,
    Chapter,
    Effort,
    Extract,
    FailedCaption,
    FilterScore,
    Frame,
    FrameSet,
    Maker,
    MergedLine,
    Origin,
    Publication,
    Rejection,
    Sample,
    SampleScores,
    Sentence,
    Source,
    Summary,
    Video,
)

SCORES = SampleScores(grounding=0.3125, coverage=0.75, unsupported=0.0, binding_match=1.0)
SCENES = ("a red kite over a green hill", "a child draws a map of the harbour", "two cooks fold dumplings by hand")


@functools.cache
def picture(number: int, width: int = 64, height: int = 36) -> bytes:
    """A small JPEG, different for every number."""
    image = Image.new("RGB", (width, height), ((number * 67) % 256, (number * 31) % 256, (number * 13) % 256))
    draw = ImageDraw.Draw(image)
    side = height // 3
    left = (number * 9) % (width - side)
    draw.ellipse((left, side, left + side, 2 * side), (250, 240, 210))
    draw.rectangle((0, height - side // 2, width, height), (40, 60, 40))
    stream = io.BytesIO()
    image.save(stream, "JPEG", quality=90)
    return stream.getvalue()


def sha(text: str | bytes) -> str:
    return hashlib.sha256(text.encode() if isinstance(text, str) else text).hexdigest()


def maker(stage: str) -> Maker:
    return Maker(
        prompt=f"{stage}.v1",
        prompt_sha256=sha(stage),
        model="tiny-vlm" if stage == "caption" else "tiny-llm",
        revision=sha("weights" + stage),
        sampling={"temperature": 0.0, "seed": 0, "top_p": None},
    )


def make_sample(
    video: str = "v000",
    frames: int = 12,
    keyframes: tuple[int, ...] = (0, 3, 9),
    *,
    content: str | None = None,
    title: str | None = "Harbour & hills",
    fps: float = 1.0,
    captions: tuple[str, ...] = SCENES,
    sentences: tuple[str, ...] | None = None,
    size: tuple[int, int] = (64, 36),
    pictures: Callable[[int, int, int], bytes] = picture,
    scores: SampleScores | None = None,
    **publication: Any,
) -> Sample:
    """A complete, consistent sample; each keyframe has one sentence."""
    content = sha(content or video)
    shown = [pictures(number, *size) for number in range(frames)]
    times = [number / fps for number in range(frames)]
    texts = [captions[number % len(captions)] for number in range(frames)]
    lines = sentences or tuple(f"{texts[index].capitalize()}." for index in keyframes)
    return Sample(
        source=Source(
            id=video, kind="file", uri=f"/srv/private/{video}.mp4", title=title, origin=Origin(list_name="cli", row=0)
        ),
        video=Video(
            id=video,
            sha256=content,
            bytes=123_456,
            extension="mp4",
            container="mov,mp4",
            codec="h264",
            duration=frames / fps + 0.04,
            fps=29.97,
            width=size[0],
            height=size[1],
            rotation=0,
            has_audio=False,
            publication=Publication(**{"title": title} | publication),
            scores=(FilterScore(name="duration", value=frames / fps, passed=True, enforced=True, detail="min 4"),),
        ),
        frames=FrameSet(
            video_sha256=content,
            backend="pyav",
            fps=fps,
            width=size[0],
            height=size[1],
            frames=tuple(
                Frame(index=n, time=times[n], pts=times[n] + 0.5, sha256=sha(shown[n]), phash=f"{n:016x}", shot=0)
                for n in range(frames)
            ),
            shots=((0, frames - 1),),
        ),
        captions=CaptionSet(
            maker=maker("caption"),
            captions=tuple(
                Caption(
                    index=n,
                    time=times[n],
                    video_sha256=content,
                    pts=times[n] + 0.5,
                    image_sha256=sha(shown[n]),
                    text=texts[n],
                    reused_from=None if n in keyframes or n == 0 else n - 1,
                    effort=Effort(tokens_in=70, tokens_out=9, attempts=1),
                )
                for n in range(frames)
            ),
        ),
        extract=Extract(
            maker=maker("extract"),
            keyframes=keyframes,
            times=tuple(times[index] for index in keyframes),
            ratio=len(keyframes) / frames,
            windows=1,
            rounds=0,
            effort=Effort(tokens_in=400, tokens_out=20, attempts=1),
        ),
        summary=Summary(
            maker=maker("refine"),
            v2v=tuple(times[index] for index in keyframes),
            v2t=" ".join(lines),
            v2vt=tuple(
                Sentence(times=(times[index],), text=line) for index, line in zip(keyframes, lines, strict=True)
            ),
            effort=Effort(tokens_in=90, tokens_out=60, attempts=2, repaired=True),
        ),
        scores=scores or SampleScores(),
    )


def read_picture(sample: Sample, index: int) -> bytes:
    """The picture of a frame of `make_sample`."""
    return picture(index, sample.frames.width, sample.frames.height)


TEXT = st.text(min_size=1, max_size=40)
MAYBE = st.none() | TEXT
NUMBER = st.none() | st.floats(0, 1e6)


@st.composite
def hostile_samples(draw: st.DrawFn, video: str) -> Sample:
    """Consistent samples with any text in all places, several times per sentence, failed captions, missing fields."""
    count = draw(st.integers(1, 8))
    chosen = tuple(sorted(draw(st.sets(st.integers(0, count - 1), min_size=1))))
    base = make_sample(video, count, chosen, title=draw(MAYBE), fps=draw(st.sampled_from([1.0, 2.0, 0.5, 29.97])))
    words = st.lists(TEXT, min_size=len(chosen), max_size=len(chosen))
    failing = draw(st.sets(st.integers(0, count - 1), max_size=count - 1))
    kept = tuple(caption for caption in base.captions.captions if caption.index not in failing)
    texts = draw(st.lists(TEXT, min_size=len(kept), max_size=len(kept)))
    times = base.summary.v2v
    cited = st.lists(st.sampled_from(times), min_size=1, max_size=3, unique=True).map(tuple)
    spoken = tuple(Sentence(times=draw(cited), text=text) for text in draw(words))
    publication = Publication(
        title=base.video.publication.title,
        uploader=draw(MAYBE),
        licence=draw(MAYBE),
        language=draw(MAYBE),
        tags=tuple(draw(st.lists(TEXT, max_size=2))),
        chapters=tuple(Chapter(start=0, end=1, title=text) for text in draw(st.lists(TEXT, max_size=2))),
        live=draw(st.none() | st.booleans()),
    )
    score = FilterScore(name="any", value=draw(MAYBE | NUMBER | st.booleans()), passed=True, enforced=False)
    return base.model_copy(
        update={
            "source": base.source.model_copy(update={"kind": "url", "uri": draw(TEXT)}),
            "scores": SampleScores(judge=draw(st.none() | st.floats(1, 5)), support=draw(st.none() | st.floats(0, 1))),
            "video": base.video.model_copy(
                update={"publication": publication, "duration": draw(NUMBER), "fps": draw(NUMBER), "scores": (score,)}
            ),
            "frames": base.frames.model_copy(update={"defects": tuple(draw(st.lists(TEXT, max_size=2)))}),
            "captions": base.captions.model_copy(
                update={
                    "captions": tuple(c.model_copy(update={"text": t}) for c, t in zip(kept, texts, strict=True)),
                    "failed": tuple(
                        FailedCaption(index=n, time=base.frames.frames[n].time, reason="empty", raw=draw(TEXT))
                        for n in sorted(failing)
                    ),
                }
            ),
            "summary": base.summary.model_copy(
                update={
                    "v2t": draw(TEXT),
                    "v2vt": spoken,
                    "merged": (MergedLine(time=times[0], into=times[-1], similarity=0.95),),
                }
            ),
        }
    )


LONG = Rejection(
    id="bad1",
    stage="download",
    error_class="permanent",
    reason="too_long",
    evidence="'/home/me/My Videos/x.mp4': 951 s",
)


def contents(folder: Path) -> dict[str, bytes]:
    """The contents of all files below a folder, by relative path."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def run_export(
    out: Path,
    samples: Iterable[Sample],
    *,
    rows: int = 10,
    images: bool = True,
    rejections: tuple[Rejection, ...] = (LONG,),
    columns: Columns = PLAIN,
) -> Manifest:
    """Export the samples with `rows` rows per shard."""
    config = ExportConfig(rows_per_shard=rows, images=images)
    return export(samples, read_picture, config, out, name="test", rejections=rejections, columns=columns)


def numbered(count: int) -> list[Sample]:
    """The samples `v000`, `v001` ..."""
    return [make_sample(f"v{number:03d}") for number in range(count)]
