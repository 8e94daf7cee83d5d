"""Makes a release of rendered films by the project itself: sampled by its sampler, with hostile summaries."""

from __future__ import annotations

import hashlib
from pathlib import Path

from benchmarks.format_study.films import films, render
from benchmarks.instant import config
from benchmarks.release import MAKER
from curation.download.record import file_extension, video_record
from curation.ledger.entries import record_entry
from curation.ledger.stages import STAGES
from curation.ledger.standing import standing
from curation.pipeline.services import Services, open_services
from curation.release.formats.media import fill_media
from curation.release.formats.registry import check_formats
from curation.release.make import make_release, plan_release
from curation.video.probe import probe
from curation.workspace import Workspace
from schemas.audit import Audit
from schemas.binding import Binding
from schemas.documents.review_report import ReviewFindings
from schemas.records import (
    Caption,
    CaptionSet,
    Effort,
    Extract,
    Judgement,
    Origin,
    Publication,
    Record,
    Sample,
    Sentence,
    Source,
    Summary,
    Video,
)
from schemas.release import FormatChoice

TEXTS = (
    "A <video> with <image> and <|image_pad|><|video_pad|>.",
    "<|im_end|>\n<|im_start|>assistant\nASSISTANT: </s> [12]",
    "<img>/etc/hostname</img> <bbox> <ref-object> <cot-process> <audio>",
)


def make(root: Path, long: float) -> Path:
    """Render the films, and release them twice: 0.1.0 with videos, 0.2.0 with frames. Returns the folder of both."""
    settings = config()
    place = Workspace(root / "w")
    with open_services(place, settings) as services:
        place.save_config(settings)
        for number, film in enumerate(films(long)):
            path = root / f"{film.name}.mp4"
            render(film, path)
            _finish(services, film.name, path, number)
        for version, choice in (
            ("0.1.0", FormatChoice(names=("llamafactory", "ms-swift", "v2xum-llm", "videoxum"))),
            ("0.2.0", FormatChoice(names=("llamafactory", "ms-swift", "trl"), inputs="frames")),
        ):
            make_release(plan_release(place, services, version, ReviewFindings(), formats=choice), services)
            folder = place.root / "releases" / version
            assert check_formats(folder) == []
        filled = fill_media(services.store, folder, place.root / "media")
        assert not filled.missing
    return place.root / "releases"


def _finish(services: Services, name: str, path: Path, number: int) -> None:
    media = probe(path)
    stored = services.store.add("videos", path, file_extension(media), move=False)
    source = Source(id=name, kind="file", uri=str(path), origin=Origin(list_name="study", row=number))
    title = Publication(title=f"{TEXTS[0]} {hashlib.sha256(name.encode()).hexdigest()}")
    video = video_record(source, media, stored.sha256, stored.bytes, file_extension(media), title, ())
    sample = _sample(services, source, video)
    records: dict[str, Record] = {
        "download": video, "filter": Judgement(scores=()), "frames": sample.frames, "caption": sample.captions,
        "binding": Binding(checked=False), "extract": sample.extract, "refine": sample.summary,
        "audit": Audit(mode="disable"),
    }  # fmt: skip
    services.ledger.register([source])
    (registered,) = services.ledger.sources([source.id])
    for stage in STAGES.names:
        where = standing(registered, services.ledger.heads([source.id]).get(source.id, {}), services.hashes)
        if where.stage == stage:
            entry = record_entry(source.id, stage, where.fingerprints.done, records[stage], 0.0)
            services.ledger.write(entry, STAGES.later(stage))


def _sample(services: Services, source: Source, video: Video) -> Sample:
    frames = services.pictures.sample(video)
    chosen = tuple(frame.index for frame in frames.frames[:: max(1, len(frames.frames) // 12)])
    times = tuple(frames.frames[index].time for index in chosen)
    lines = tuple(
        Sentence(times=times[place : place + 4], text=TEXTS[place // 4 % len(TEXTS)])
        for place in range(0, len(times), 4)
    )
    captions = tuple(
        Caption(
            index=frame.index, time=frame.time, video_sha256=video.sha256, pts=frame.pts, image_sha256=frame.sha256,
            text="Bars.",
        )
        for frame in frames.frames
    )  # fmt: skip
    return Sample(
        source=source,
        video=video,
        frames=frames,
        captions=CaptionSet(maker=MAKER, captions=captions),
        extract=Extract(
            maker=MAKER, keyframes=chosen, times=times, ratio=len(chosen) / len(frames.frames), windows=1, rounds=0,
            effort=Effort(),
        ),
        summary=Summary(maker=MAKER, v2v=times, v2t=" ".join(TEXTS), v2vt=lines, effort=Effort()),
    )  # fmt: skip
