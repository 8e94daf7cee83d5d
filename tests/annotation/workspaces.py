"""Makes workspaces whose samples are finished in the ledger, with real videos, real pictures and given captions."""

from __future__ import annotations

import functools
import itertools
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from curation.frames.files import frames_key
from curation.ledger.entries import record_entry
from curation.ledger.stages import STAGES, TRANSCRIBE
from curation.ledger.standing import standing
from curation.pipeline.services import Services, open_services
from curation.video.encode import encode_video
from curation.video.probe import probe
from curation.workspace import Workspace
from demo.render import frames
from demo.world import make_script
from schemas.audit import Audit
from schemas.binding import Binding
from schemas.configuration.config import CurateConfig
from schemas.configuration.loading import load_config
from schemas.configuration.text_config import TranscribeConfig
from schemas.parts.transcript import Transcript
from schemas.records import (
    Caption,
    CaptionSet,
    Extract,
    FrameSet,
    Judgement,
    Maker,
    Origin,
    Publication,
    Record,
    Sentence,
    Source,
    Summary,
    Video,
)
from schemas.repository import ROOT


class Film(NamedTuple):
    """A video to make and its texts. `captions`: of its keyframes, by frame index; `sentences`: (times, text).

    `said`: its transcript, in a workspace whose run makes transcripts.
    """

    name: str
    captions: dict[int, str]
    seconds: int = 12
    seed: int = 1
    portrait: bool = False
    codec: str = "libx264"
    suffix: str = ".mp4"
    sentences: tuple[tuple[tuple[float, ...], str], ...] = ()
    title: str = ""
    said: Transcript | None = None


def config(**changes: object) -> CurateConfig:
    """The demo's configuration without the models that these tests do not use."""
    overrides = ["models.clip=null", "binding.mode=disable", "audit.mode=disable", "frames.cross_check=0"]
    base = load_config(ROOT / "configs" / "demo.yaml", overrides)
    return base.model_copy(update=changes)


def with_speech(settings: CurateConfig) -> CurateConfig:
    """The settings for a run that makes transcripts, and for releases of it."""
    parts = {
        "transcribe": TranscribeConfig(mode="publisher"),
        "download": settings.download.model_copy(update={"subtitles": ("en",)}),
        "export": settings.export.model_copy(update={"title": "Films", "licence": "cc-by-4.0"}),
    }
    return settings.model_copy(update=parts)


def make_workspace(root: Path, films: Sequence[Film], name: str = "films") -> Workspace:
    """Make a workspace in which every film is a finished sample; the run makes transcripts where a film has one."""
    place = Workspace(root)
    settings = config(name=name)
    if any(film.said is not None for film in films):
        settings = with_speech(settings)
    with open_services(place, settings) as services:
        place.save_config(settings)
        add_films(services, films)
        services.ledger.close()
    return place


def add_films(services: Services, films: Sequence[Film]) -> None:
    """Add films, or replace the texts of films that exist."""
    sources = [Source(id=film.name, kind="file", uri=f"/films/{film.name}", origin=ORIGIN) for film in films]
    services.ledger.register(sources)
    for film in films:
        write_sample(services, film)


ORIGIN = Origin(list_name="tests", row=1)


def write_sample(services: Services, film: Film) -> None:
    video = stored_video(services, film)
    sampled = sampled_frames(services, video)
    keyframes = tuple(sorted(film.captions))
    times = tuple(sampled.frames[index].time for index in keyframes)
    captions = tuple(
        Caption(
            index=frame.index,
            time=frame.time,
            video_sha256=video.sha256,
            pts=frame.pts,
            image_sha256=frame.sha256,
            text=film.captions.get(frame.index, f"Frame {frame.index} of {film.name}."),
        )
        for frame in sampled.frames
    )
    sentences = tuple(Sentence(times=at, text=text) for at, text in film.sentences) or tuple(
        Sentence(times=(time,), text=f"Something happens at {time:g}.") for time in times
    )
    summary = Summary(
        maker=maker("refine"),
        v2v=times,
        v2t=" ".join(sentence.text for sentence in sentences),
        v2vt=sentences,
        effort={"attempts": 1},
    )
    extract = Extract(
        maker=maker("extract"),
        keyframes=keyframes,
        times=times,
        ratio=len(keyframes) / len(sampled.frames),
        windows=1,
        rounds=0,
        effort={"attempts": 1},
    )
    records: dict[str, Record] = {
        "download": video,
        "filter": Judgement(scores=()),
        "frames": sampled,
        "caption": CaptionSet(maker=maker("caption"), captions=captions),
        "extract": extract,
        "refine": summary,
        "audit": Audit(mode="disable"),
        TRANSCRIBE: film.said or Transcript(reason="no_subtitles"),
    }
    ledger = services.ledger
    (source,) = ledger.sources([film.name])
    names = tuple(stage.name for stage in STAGES.of(services.hashes.on))
    for place, stage in enumerate(names):
        where = standing(source, ledger.heads([film.name]).get(film.name, {}), services.hashes)
        current = where.fingerprints.done if where.stage == stage else None
        if current is None:  # the film exists: another record takes the same place in the ledger
            current = ledger.heads([film.name])[film.name][stage].fingerprint
        record = records.get(stage, Binding(checked=False))
        ledger.write(record_entry(film.name, stage, current, record, 0.0), names[place + 1 :])


def stored_video(services: Services, film: Film) -> Video:
    with services.store.scratch() as folder:
        path = folder / f"film{film.suffix}"
        path.write_bytes(encoded(film.seconds, film.seed, film.portrait, film.codec, film.suffix))
        stored = services.store.add("videos", path, film.suffix[1:], move=True)
    info = probe(stored.path)
    return Video(
        id=film.name,
        sha256=stored.sha256,
        bytes=stored.bytes,
        extension=film.suffix[1:],
        container=info.container,
        codec=info.codec,
        duration=info.duration,
        fps=info.fps,
        width=info.width,
        height=info.height,
        rotation=info.rotation,
        has_audio=info.has_audio,
        publication=Publication(title=film.title or film.name),
    )


_SAMPLED: dict[str, tuple[FrameSet, dict[str, bytes]]] = {}  # records and pictures, by the store's key


def sampled_frames(services: Services, video: Video) -> FrameSet:
    """The sampled frames of a stored video. A video is decoded once in a test process, and its pictures are copied."""
    key = frames_key(video.sha256, services.config.frames)
    folder = services.store.frames(key)
    if key not in _SAMPLED:
        record = services.pictures.sample(video)
        _SAMPLED[key] = record, {path.name: path.read_bytes() for path in folder.iterdir()}
    record, files = _SAMPLED[key]
    if not folder.exists():
        with services.store.scratch() as scratch:
            (scratch / "frames").mkdir()
            for name, content in files.items():
                (scratch / "frames" / name).write_bytes(content)
            services.store.commit_frames(scratch / "frames", key)
    return record


@functools.lru_cache(maxsize=64)
def encoded(seconds: int, seed: int, portrait: bool, codec: str, suffix: str) -> bytes:
    """The bytes of a video. Films that differ by their texts alone share them: encoding takes most of their time."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"film{suffix}"
        encode_video(path, pictures(seconds, seed, portrait), fps=5, codec=codec, options={"g": "5"})
        return path.read_bytes()


def pictures(seconds: int, seed: int, portrait: bool) -> Iterator[np.ndarray]:
    script = make_script(70_000_000 + seed, max(40, seconds))
    for image in itertools.islice(frames(script, 5), seconds * 5):
        yield np.ascontiguousarray(np.rot90(image)) if portrait else image


def maker(stage: str) -> Maker:
    return Maker(prompt=f"{stage}.v1", prompt_sha256="0" * 64, model="tiny", revision="r1", sampling={"seed": 0})


def services_of(place: Workspace) -> Services:
    return Services(place.config(), place.ledger(), place.store())
