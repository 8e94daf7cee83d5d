"""Measures speed and memory of a release, against pyarrow writing the same rows.

The samples are of realistic size: 183 frames with captions, 30 keyframes with pictures of 640 x 360 pixels. The
baseline makes Arrow tables of the rows of all configurations (`from_pylist`) and writes them in one call a file, with
the same codec, checksums and content-defined chunks; it neither reads a ledger nor checks pictures. `writer` is our
writer with the same rows in memory; `release` is the whole of it: ledger, pictures and their hashes, fingerprints,
contact sheets, rows, files, hashes of files, card; `again` is the next release of the same workspace, which reads the
fingerprints and sheets that the first one kept; `sheets` is the drawing of contact sheets alone. These are CPU seconds
of all threads, since other work on the machine changes the clock's. Both writers run twice, and the better time counts.
Memory is that of processes that release few and many samples. No video is a copy of another: hashes and texts are
random, and only bytes of pictures come again.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import random
import tempfile
import time
from collections.abc import Callable
from functools import cache
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from PIL import Image

from benchmarks.instant import config
from benchmarks.processes import in_fresh_process, peak_memory
from curation.dataset.export import pictures_of
from curation.dataset.shards import open_parquet
from curation.frames.files import frame_name, frames_key
from curation.ledger.entries import record_entry
from curation.ledger.stages import STAGES
from curation.ledger.standing import standing
from curation.pipeline.services import Services, open_services
from curation.release.configurations.configuration import Published
from curation.release.configurations.registry import CONFIGURATIONS
from curation.release.contact_sheet import contact_sheet
from curation.release.kept_sheets import KeptSheets
from curation.release.make import SHEETS, make_release, plan_release
from curation.release.prepare import prepared
from curation.release.writer import ConfigurationWriter
from curation.status.standings import Standings
from curation.workspace import Workspace
from schemas.audit import Audit
from schemas.binding import Binding
from schemas.configuration.safety_config import BlurConfig
from schemas.documents.review_report import ReviewFindings
from schemas.records import (
    Caption,
    CaptionSet,
    Effort,
    Extract,
    Frame,
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
from schemas.time import FrameIndex, Seconds

FRAMES, KEYFRAMES, PICTURES = 183, 30, 240  # pictures that come again stand further apart than zstd looks back
FEW, MANY = 100, 400
Rows = dict[str, list[dict[str, Any]]]  # by configuration
MAKER = Maker(prompt="bench.v1", prompt_sha256="0" * 64, model="bench", revision="r", sampling={"seed": 0})
_PARTS = (
    *(
        "ka",
        "lo",
        "mi",
        "ten",
        "ro",
        "sa",
        "vel",
        "dor",
        "pi",
        "gun",
        "hal",
        "ne",
        "bri",
        "sto",
        "ful",
        "wa",
        "jo",
        "cle",
    ),
    *("um", "ex", "ti", "ra", "ple", "ban", "cor", "de", "os", "li", "gra", "fen"),
)
WORDS = [first + second + end for first in _PARTS for second in _PARTS for end in ("", "s", "ing", "er")]
_WEIGHTS = [1 / (place + 1) for place in range(len(WORDS))]  # Zipf's law: few words are most of a text


@cache
def pictures() -> list[bytes]:
    """Some hundred different JPEGs of about 75 kB."""
    made = []
    for number in range(PICTURES):
        coarse = np.random.default_rng(number).integers(0, 255, (45, 80, 3), np.uint8)
        stream = io.BytesIO()
        Image.fromarray(coarse).resize((640, 360), Image.Resampling.BICUBIC).save(stream, "JPEG", quality=90)
        made.append(stream.getvalue())
    return made


def picture_of(number: int, index: int) -> bytes:
    """The picture of a frame of sample `number`."""
    return pictures()[(number * KEYFRAMES + index * KEYFRAMES // FRAMES) % PICTURES]


def sample_of(number: int, picture: Callable[[int, int], bytes] = picture_of, seed: int | None = None) -> Sample:
    """A sample with texts of its own, which follow from `seed`, by default its number."""
    name, words = f"v{number:06d}", random.Random(number if seed is None else seed)
    alike = random.Random(f"hashes {number}")

    def sentence(count: int) -> str:
        return " ".join(words.choices(WORDS, _WEIGHTS, k=count)).capitalize() + "."

    content = hashlib.sha256(name.encode()).hexdigest()
    hashes = [hashlib.sha256(picture(number, index)).hexdigest() for index in range(FRAMES)]
    chosen = tuple(FrameIndex(place * FRAMES // KEYFRAMES) for place in range(KEYFRAMES))
    times = [Seconds(float(index)) for index in range(FRAMES)]
    lines = [sentence(8) for _ in chosen]
    captions = [
        Caption(
            index=FrameIndex(index), time=times[index], video_sha256=content, pts=float(index),
            image_sha256=hashes[index], text=sentence(14), effort=Effort(tokens_in=300, tokens_out=20, attempts=1),
        )
        for index in range(FRAMES)
    ]  # fmt: skip
    frames = [
        Frame(
            index=FrameIndex(index),
            time=times[index],
            pts=float(index),
            sha256=hashes[index],
            phash=f"{alike.getrandbits(64):016x}",
            shot=0,
        )
        for index in range(FRAMES)
    ]
    cited = tuple(times[index] for index in chosen)
    return Sample(
        source=Source(id=name, kind="url", uri=f"https://example.org/{name}", origin=Origin(list_name="b", row=number)),
        video=Video(
            id=name, sha256=content, bytes=10**7, extension="mp4", container="mp4", codec="h264", duration=FRAMES,
            fps=30, width=640, height=360, rotation=0, has_audio=False, publication=Publication(title=sentence(6)),
        ),
        frames=FrameSet(
            video_sha256=content, backend="pyav", fps=1, width=640, height=360, frames=tuple(frames), shots=((0, 182),)
        ),
        captions=CaptionSet(maker=MAKER, captions=tuple(captions)),
        extract=Extract(
            maker=MAKER, keyframes=chosen, times=cited, ratio=KEYFRAMES / FRAMES, windows=1, rounds=0, effort=Effort()
        ),
        summary=Summary(
            maker=MAKER, v2v=cited, v2t=" ".join(lines), effort=Effort(),
            v2vt=tuple(Sentence(times=(time,), text=line) for time, line in zip(cited, lines, strict=True)),
        ),
    )  # fmt: skip


def fill(
    services: Services,
    count: int,
    sample: Callable[[int], Sample] = sample_of,
    picture: Callable[[int, int], bytes] = picture_of,
) -> None:
    """Finish so many samples in the ledger, with the pictures of their keyframes in the store."""
    for number in range(count):
        made = sample(number)
        records: dict[str, Record] = {
            "download": made.video, "filter": Judgement(scores=()), "frames": made.frames, "caption": made.captions,
            "binding": Binding(checked=False), "extract": made.extract, "refine": made.summary,
            "audit": Audit(mode="disable"),
        }  # fmt: skip
        services.ledger.register([made.source])
        (source,) = services.ledger.sources([made.source.id])
        for stage in STAGES.names:
            where = standing(source, services.ledger.heads([source.id]).get(source.id, {}), services.hashes)
            if where.stage == stage:
                entry = record_entry(source.id, stage, where.fingerprints.done, records[stage], 0.0)
                services.ledger.write(entry, STAGES.later(stage))
        folder = services.store.frames(frames_key(made.video.sha256, services.config.frames))
        folder.mkdir(parents=True)
        for index in made.extract.keyframes:
            (folder / frame_name(index)).write_bytes(picture(number, index))


def released(root: Path, version: str, answer: Connection) -> None:
    """Release a workspace in this process; answers seconds and peak memory."""
    place = Workspace(root)
    with open_services(place) as services:
        began, cpu = time.perf_counter(), time.process_time()
        make_release(plan_release(place, services, version, ReviewFindings()), services)
        seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
        answer.send({"seconds": seconds, "cpu": cpu, "peak_mb": round(peak_memory(), 1)})


def compared(root: Path, answer: Connection) -> None:
    """Write the rows of a workspace with our writer and with pyarrow alone; answers the seconds of both."""
    with open_services(Workspace(root)) as services:
        standings = Standings(services.view)
        samples = list(standings.published(standings.samples()))
        sheets_there = KeptSheets(root / SHEETS)
        made = [
            one.published
            for one in prepared(samples, pictures_of(services), lambda _: "train", sheets_there, BlurConfig())
        ]
        began = time.process_time()
        for sample in samples:
            chosen = sample.extract.keyframes
            shown = [picture_of(sample.source.origin.row, index) for index in chosen]
            contact_sheet(sample.extract.times, shown.__getitem__, 16 / 9)
        sheets = time.process_time() - began
    rows: Rows = {}
    for each in CONFIGURATIONS:
        of_sample = each.of_sample
        if of_sample is not None:
            rows[each.name] = [row for one in made if isinstance(one, Published) for row in of_sample(one)]
    baseline = min(_timed(_plain, rows, root) for _ in range(2))
    written = min(_timed(_ours, rows, root) for _ in range(2))
    answer.send({"baseline": baseline, "writer": written, "sheets": sheets})


def _timed(write: Callable[[Rows, Path], None], rows: Rows, root: Path) -> float:
    with tempfile.TemporaryDirectory(dir=root) as name:
        began = time.process_time()
        write(rows, Path(name))
        return time.process_time() - began


def _plain(rows: Rows, folder: Path) -> None:
    for each in CONFIGURATIONS:
        schema = each.features().arrow_schema
        table = pa.Table.from_pylist(rows.get(each.name, []), schema=schema)
        with open_parquet(folder / f"{each.name}.parquet", schema) as file:
            file.write_table(table, row_group_size=100)


def _ours(rows: Rows, folder: Path) -> None:
    for each in CONFIGURATIONS:
        with ConfigurationWriter(folder, each) as writer:
            for row in rows.get(each.name, []):
                writer.add(row)


def measure(few: int, many: int) -> dict[str, Any]:
    """Fill two workspaces, release both, and compare the smaller one with pyarrow."""
    with tempfile.TemporaryDirectory() as name:
        roots = [Path(name) / str(count) for count in (few, many)]
        for root, count in zip(roots, (few, many), strict=True):
            settings = config()
            with open_services(Workspace(root), settings) as services:
                Workspace(root).save_config(settings)
                fill(services, count)
        (small, again), (large, large_again) = (
            [in_fresh_process(released, root, version) for version in ("0.1.0", "0.2.0")] for root in roots
        )
        seconds = in_fresh_process(compared, roots[0])
    one_more = [(more["cpu"] - less["cpu"]) / (many - few) for less, more in ((small, large), (again, large_again))]
    return {
        "samples": [few, many],
        "writer_to_pyarrow": round(seconds["baseline"] / seconds["writer"], 3),
        "release_to_pyarrow": round(seconds["baseline"] / small["cpu"], 3),
        "again_to_pyarrow": round(seconds["baseline"] / again["cpu"], 3),
        "samples_per_second": [round(many / each["seconds"], 1) for each in (large, large_again)],
        "cpu_milliseconds_of_one_more": [round(1000 * cpu, 1) for cpu in one_more],
        "one_more_to_pyarrow": [round(seconds["baseline"] / few / cpu, 3) for cpu in one_more],
        "cpu_seconds_of_few": {
            "pyarrow": round(seconds["baseline"], 2),
            "writer": round(seconds["writer"], 2),
            "sheets": round(seconds["sheets"], 2),
            "release": round(small["cpu"], 2),
            "again": round(again["cpu"], 2),
        },
        "peak_mb": [[small["peak_mb"], large["peak_mb"]], [again["peak_mb"], large_again["peak_mb"]]],
    }


def main() -> None:
    """Run the benchmark and print one line of JSON, with or without `--json`."""
    parser = argparse.ArgumentParser(prog="v2xum bench release", description=main.__doc__)
    parser.add_argument("--few", type=int, default=FEW)
    parser.add_argument("--many", type=int, default=MANY)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    print(json.dumps(measure(arguments.few, arguments.many)))


if __name__ == "__main__":
    main()
