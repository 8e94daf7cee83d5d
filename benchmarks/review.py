"""Measures speed and memory of pushing samples to Label Studio, against its own bulk import of the same tasks.

It starts a real server. All samples share one video, so that the time is that of reading the ledger, making tasks and
importing them. `media_per_second` is the separate speed of providing distinct videos and their keyframes to the server.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import sqlalchemy as sa

from annotation.label_studio.access import Access, find_access
from annotation.label_studio.interface import interface
from annotation.label_studio.server import serving
from annotation.push import push as pushing
from annotation.push.media import Media, Shown
from annotation.push.missing import CHUNK
from annotation.push.strata import candidates, choose
from annotation.push.task import build_task
from benchmarks.instant import config, trivial_videos
from benchmarks.processes import in_fresh_process, peak_memory
from curation.ledger import tables
from curation.ledger.entries import Head, Registered, record_entry
from curation.ledger.samples import sample
from curation.ledger.stages import STAGES
from curation.ledger.standing import standing
from curation.pipeline.services import Services, open_services
from curation.review.content_hash import content_sha256
from curation.video.probe import probe
from curation.workspace import Workspace
from flows.cli.app import collect_rarely
from schemas.audit import Audit
from schemas.binding import Binding
from schemas.configuration.review_config import ReviewConfig
from schemas.records import (
    Caption,
    CaptionSet,
    Effort,
    Extract,
    FrameSet,
    Judgement,
    Maker,
    Origin,
    Publication,
    Record,
    Sample,
    Sentence,
    Source,
    Summary,
    Video,
)

SECONDS, KEYFRAMES = 60, (3, 14, 25, 36, 47)
MAKER = Maker(prompt="bench.v1", prompt_sha256="0" * 64, model="bench", revision="r", sampling={"seed": 0})
FEW = 1_000


def video_of(services: Services, path: Path, name: str) -> Video:
    """Add a video file to the store. Returns its record as the download stage makes it."""
    stored = services.store.add("videos", path, "mp4", move=False)
    info = probe(stored.path)
    known = info._asdict()
    known.pop("start")
    return Video(
        id=name, sha256=stored.sha256, bytes=stored.bytes, extension="mp4", publication=Publication(title=name), **known
    )


def records_of(video: Video, frames: FrameSet, number: int) -> dict[str, Record]:
    """The records of all stages for one video, with captions and sentences that no other video has."""
    words = "a person in a red jacket hands something to somebody at a desk and looks up"
    captions = tuple(
        Caption(
            index=frame.index,
            time=frame.time,
            video_sha256=video.sha256,
            pts=frame.pts,
            image_sha256=frame.sha256,
            text=f"At {frame.time:g} s of video {number}, {words}.",
            effort=Effort(tokens_in=700, tokens_out=20, attempts=1),
        )
        for frame in frames.frames
    )
    chosen = tuple(index for index in KEYFRAMES if index < len(frames.frames))
    times = tuple(frames.frames[index].time for index in chosen)
    sentences = tuple(Sentence(times=(time,), text=f"In video {number}, {words}.") for time in times)
    return {
        "download": video,
        "filter": Judgement(scores=()),
        "frames": frames,
        "caption": CaptionSet(maker=MAKER, captions=captions),
        "extract": Extract(
            maker=MAKER,
            keyframes=chosen,
            times=times,
            ratio=len(chosen) / len(frames.frames),
            windows=1,
            rounds=0,
            effort=Effort(attempts=1),
        ),
        "refine": Summary(
            maker=MAKER,
            v2v=times,
            v2t=" ".join(sentence.text for sentence in sentences),
            v2vt=sentences,
            effort=Effort(attempts=1),
        ),
        "audit": Audit(mode="disable"),
    }


def fill(root: Path, count: int, film: Path) -> Workspace:
    """Make a workspace with `count` finished samples of one video file."""
    place = Workspace(root)
    settings = config().model_copy(update={"name": "bench"})
    place.root.mkdir(parents=True)
    with open_services(place, settings) as services:
        place.save_config(settings)  # after the ledger is made: a configuration without a ledger is a lost ledger
        video = video_of(services, film, "v000000")
        frames = services.pictures.sample(video)
        origin = Origin(list_name="bench", row=1)
        names = [f"v{number:06d}" for number in range(count)]
        services.ledger.register(Source(id=name, kind="file", uri=f"/films/{name}", origin=origin) for name in names)
        rows: list[dict[str, Any]] = []
        for number, source in enumerate(services.ledger.sources()):
            rows += finished_rows(
                source, records_of(video.model_copy(update={"id": source.id}), frames, number), services
            )
            if len(rows) > 4_000 or number == count - 1:
                with services.ledger.engine.begin() as connection:
                    connection.execute(sa.insert(tables.results), rows)
                rows = []
        services.ledger.close()
    return place


def finished_rows(source: Registered, records: dict[str, Record], services: Services) -> Iterator[dict[str, Any]]:
    """The ledger's rows for one video whose every stage is done."""
    heads: dict[str, Head] = {}
    for stage in STAGES.names:
        due = standing(source, heads, services.hashes).fingerprints.done
        record = records.get(stage, Binding(checked=False))
        entry = record_entry(source.id, stage, due, record, 0.0)
        # Without `content` the ledger does not see that all samples have the same file, and sets no duplicate aside.
        heads[stage] = entry.head
        yield {
            "video_id": source.id,
            **entry.head._asdict(),
            "current": True,
            "payload": entry.payload,
            "attempts": 1,
            "tokens_in": entry.effort.tokens_in,
            "tokens_out": entry.effort.tokens_out,
            "requests": entry.effort.attempts,
            "seconds": 0.0,
            "made_at": 0.0,
            "content": None,
        }


def push(root: Path, title: str, count: int, answer: Any) -> None:
    """Choose and push all samples, in a process of its own. Sends seconds, tasks added, and memory in MB."""
    place = Workspace(root)
    collect_rarely()  # as the command does
    with open_services(place) as services:
        before = peak_memory()
        began = time.perf_counter()
        rules = ReviewConfig(random=count, active=0, overlap=0.0)
        chosen = choose(candidates(services.view), rules)
        choosing = time.perf_counter() - began
        result = pushing.push(place.root, services, find_access(place.root), chosen, title)
        seconds = time.perf_counter() - began
        services.ledger.close()
    answer.send(
        {"seconds": seconds, "choosing": choosing, "added": result.added, "mb": peak_memory() - before, "base": before}
    )


def plain_import(place: Workspace, access: Access, count: int) -> float:
    """Tasks per second when a simple loop posts the same tasks, made beforehand, in the same chunks."""
    with open_services(place) as services:
        whole = sample(services.ledger, "v000000")
        shown: Shown = Media(place.root, services).publish(whole)
        tasks = []
        for number in range(count):
            each = sample(services.ledger, f"v{number:06d}")
            tasks.append(build_task(each, content_sha256(each), "random", shown, None))
        services.ledger.close()
    with httpx.Client(base_url=access.url, headers={"Authorization": f"Token {access.token}"}, timeout=300) as http:
        fields = {"title": f"plain import of {count}", "label_config": interface(), "maximum_annotations": 1}
        project = http.post("/api/projects/", json=fields).json()["id"]
        began = time.perf_counter()
        for start in range(0, count, CHUNK):
            answer = http.post(
                f"/api/projects/{project}/import",
                params={"return_task_ids": "true"},
                json=tasks[start : start + CHUNK],
            )
            answer.raise_for_status()
        return count / (time.perf_counter() - began)


def media(folder: Path, count: int) -> float:
    """Distinct videos per second, each with its keyframes, written to where the server reads them."""
    place = Workspace(folder / "media")
    place.root.mkdir()
    with open_services(place, config()) as services:
        samples = []
        for path in sorted(trivial_videos(folder / "films", count, 4).iterdir()):
            video = video_of(services, path, path.stem)
            frames = services.pictures.sample(video)
            records = records_of(video, frames, 0)
            samples.append((video, frames, records))
        ready = Media(place.root, services)
        whole = [
            Sample.model_validate(
                {
                    "source": Source(id=video.id, kind="file", uri="/x", origin=Origin(list_name="b", row=1)),
                    "video": video,
                    "frames": frames,
                    "captions": records["caption"],
                    "extract": records["extract"],
                    "summary": records["refine"],
                }
            )
            for video, frames, records in samples
        ]
        ready.publish(whole[0])  # the child process starts
        began = time.perf_counter()
        for each in whole[1:]:
            ready.publish(each)
        seconds = time.perf_counter() - began
        services.ledger.close()
    return (count - 1) / seconds


def measure(count: int) -> dict[str, Any]:
    """Start a server, push `count` samples twice, and time its own import."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        film = next(trivial_videos(folder / "film", 1, SECONDS).iterdir())
        place, few = fill(folder / "run", count, film), fill(folder / "few", FEW, film)
        with serving(place.root, None) as running:
            review = few.root / "review"
            review.mkdir()
            (review / "files").symlink_to(place.root / "review" / "files")
            (review / "access.json").write_bytes((place.root / "review" / "access.json").read_bytes())
            small = in_fresh_process(push, few.root, "few", FEW)
            plain = plain_import(place, running.access, count)
            first = in_fresh_process(push, place.root, "bench", count)
            second = in_fresh_process(push, place.root, "bench", count)
        rate = count / first["seconds"]
        return {
            "samples": count,
            "push_per_second": round(rate, 1),
            "plain_import_per_second": round(plain, 1),
            "ratio": round(rate / plain, 3),
            "goal_ratio": 0.8,
            "first_seconds": round(first["seconds"], 2),
            "of_it_choosing": round(first["choosing"], 2),
            "second_seconds": round(second["seconds"], 2),
            "second_of_it_choosing": round(second["choosing"], 2),
            "second_added": second["added"],
            "second_to_first": round(second["seconds"] / first["seconds"], 3),
            "goal_second_to_first": 0.1,
            "memory_mb": {str(FEW): round(small["mb"], 1), str(count): round(first["mb"], 1)},
            "media_per_second": round(media(folder, 100), 1),
            "cores": os.cpu_count(),
        }


def main() -> None:
    """Run the benchmark and print one line of JSON, with or without `--json`."""
    parser = argparse.ArgumentParser(prog="v2xum bench review", description=main.__doc__)
    parser.add_argument("--samples", type=int, default=10_000)
    parser.add_argument("--json", action="store_true")
    print(json.dumps(measure(parser.parse_args().samples)))


if __name__ == "__main__":
    main()
