"""Measures text on screen on films whose text is known: `python -m benchmarks ocr_study`.

    PYTHONPATH=.venv-ocr python -m benchmarks ocr_study [--folder data/runs/ocr] [--films 30] [--out docs/results]

It needs rapidocr (`make ocr`). Each film is rendered, decoded and sampled as in a run, and read twice, one way after
the other: where its text may have changed, and in every frame. It goes on where it was stopped. `--out` writes
screen-text.md and screen-text.json.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.ocr_study.figures import figures
from benchmarks.ocr_study.films import Film, film, render
from benchmarks.ocr_study.page import WAYS, page
from curation.frames.files import frame_name
from curation.frames.sample import draw_frames
from curation.store.files import write_whole
from curation.text.screen.read import screen_text
from models.build import build_reader
from models.reader import TextReader
from schemas.configuration.model_config import RapidOcr
from schemas.configuration.text_config import OcrConfig
from schemas.configuration.video_config import FrameConfig
from schemas.parts.screen_text import ScreenText
from schemas.records import Frame, FrameSet
from schemas.repository import ROOT
from schemas.time import FrameIndex

_LIMITLESS = 1000


def run(folder: Path, count: int, on_step: Callable[[str], None]) -> dict[str, Any]:
    """Read the films that `folder` does not have yet; return the figures. Raises ConfigError without rapidocr."""
    path = folder / "films.jsonl"
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()[:count]] if path.exists() else []
    reader = build_reader(RapidOcr(engine="rapidocr", threads=1))
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(len(rows), count):
        on_step(f"film {number + 1} of {count}")
        with TemporaryDirectory() as scratch:
            rows.append(_row(film(number), Path(scratch), reader))
        write_whole(path, "".join(json.dumps(row) + "\n" for row in rows))
    about = {"films": count, "reader": f"{reader.name} {reader.revision.partition('-')[0]}"}
    return {"about": about, "ways": {way: figures(rows, way) for way in WAYS}}


def _row(wanted: Film, scratch: Path, reader: TextReader) -> dict[str, Any]:
    """What is true in a film, and what each way to look found, as plain values."""
    render(scratch / "film.mp4", wanted)
    drawn = draw_frames(scratch / "film.mp4", FrameConfig(), scratch)
    frames = FrameSet(
        video_sha256="0" * 64,
        backend=drawn.backend,
        fps=1.0,
        width=drawn.width,
        height=drawn.height,
        shots=drawn.shots,
        frames=tuple(
            Frame(index=FrameIndex(at), time=float(at), pts=pts, sha256=sha256, phash=phash, shot=0)
            for at, (pts, sha256, phash) in enumerate(drawn.frames)
        ),
    )
    row: dict[str, Any] = {"seed": wanted.seed, "frames": len(frames.frames), "true": wanted.lines}

    def picture(index: FrameIndex) -> bytes:
        return (scratch / frame_name(index)).read_bytes()

    each = frames.model_copy(update={"shots": tuple((at, at) for at in range(len(frames.frames)))})
    # A shot of one frame is read in any case.
    for way, asked, config in (("changed", frames, OcrConfig()), ("every", each, OcrConfig(per_shot=_LIMITLESS))):
        began = time.perf_counter()
        found = screen_text(asked, picture, reader, config)
        took = time.perf_counter() - began
        row[way] = {"lines": list(_lines(found)), "read": found.read, "unread": found.unread, "seconds": took}
    return row


def _lines(found: ScreenText) -> Iterator[tuple[str, str, int, int]]:
    """Each line of the readings; one that goes on in the next second is one line."""
    running: dict[str, tuple[str, str, int, int]] = {}
    for reading in found.readings:
        first, last = int(reading.time), int(reading.until)
        now: dict[str, tuple[str, str, int, int]] = {}
        for line in reading.lines:
            before = running.get(line.text)
            goes_on = before is not None and before[3] + 1 >= first
            now[line.text] = (line.text, line.kind, before[2] if goes_on and before else first, last)
        yield from (line for text, line in running.items() if text not in now or now[text][2] != line[2])
        running = now
    yield from running.values()


def main() -> None:
    """Read what is missing, and print the figures as one line of JSON, with or without `--json`."""
    about = (__doc__ or "").splitlines()[0]
    parser = argparse.ArgumentParser(prog="python -m benchmarks ocr_study", description=about)
    parser.add_argument("--folder", type=Path, default=ROOT / "data" / "runs" / "ocr", help="for what was read")
    parser.add_argument("--films", type=int, default=30)
    parser.add_argument("--out", type=Path, help="write screen-text.md and screen-text.json here")
    parser.add_argument("--json", action="store_true", help="print one line of JSON, which is also the default")
    options = parser.parse_args()
    found = run(options.folder.resolve(), options.films, lambda step: print(step, file=sys.stderr, flush=True))
    if options.out is not None:
        write_whole(options.out / "screen-text.json", json.dumps(found, indent=1) + "\n")
        write_whole(options.out / "screen-text.md", page(found))
    print(json.dumps(found))


if __name__ == "__main__":
    main()
