"""Many short, small films of the demo's world, from which `make demo-train` trains and evaluates summarizers.

The films of benchmarks/clip_study are the same without the marks that show an action in a single frame.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple

import numpy as np

from curation.video.encode import encode_video
from demo.render import Frame, draw
from demo.world import MINIMUM_SECONDS, Script, make_script

FPS = 2  # events begin and end at half seconds
LONGEST = 60  # seconds
FIRST_SEED = 80_000_001  # no checkpoint was trained on or chosen by scripts near it
_SMALLER = 2  # times smaller than the demo's pictures: 160 x 120
# Splits follow from the bytes of the files; with crf, x264 sometimes encodes the same pictures otherwise.
_ENCODING = {"preset": "veryfast", "qp": "23", "g": "20"}


class Film(NamedTuple):
    """A film with its script, which is 40 to 60 seconds long."""

    id: str
    script: Script

    @property
    def file(self) -> str:
        """Its name in the folder of the films."""
        return f"{self.id}.mp4"


def films(count: int) -> list[Film]:
    """The first `count` films. Raises ValueError for fewer than one or more than 9,999."""
    if not 1 <= count <= 9_999:
        raise ValueError(f"{count} films: there can be 1 to 9,999")
    lengths = LONGEST - MINIMUM_SECONDS + 1
    return [
        Film(f"film-{number:04d}", make_script(FIRST_SEED + number, MINIMUM_SECONDS + number * 8 % lengths))
        for number in range(count)
    ]


def build(folder: Path, wanted: Sequence[Film], workers: int = 2, *, marks: bool = True) -> None:
    """Render the films that `folder` does not have yet, with `marks` as in demo/render.py. A film there is whole."""
    folder.mkdir(parents=True, exist_ok=True)
    missing = [film for film in wanted if not (folder / film.file).exists()]
    if missing:
        with ProcessPoolExecutor(max_workers=workers, mp_context=get_context("spawn")) as pool:
            list(pool.map(partial(_render, folder, marks), missing, chunksize=4))


def write_list(path: Path, folder: Path, wanted: Sequence[Film]) -> None:
    """Write the films in `folder` as a CSV list that `v2xum curate` reads."""
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["id", "url", "title"])
        writer.writerows([film.id, folder / film.file, f"Demo {film.id}"] for film in wanted)


def _render(folder: Path, marks: bool, film: Film) -> None:
    scratch = folder / f".{film.file}"
    encode_video(scratch, _pictures(film.script, marks), fps=FPS, options=_ENCODING)
    scratch.rename(folder / film.file)


def _pictures(script: Script, marks: bool) -> Iterator[Frame]:
    for index in range(script.duration * FPS):
        yield np.asarray(draw(script, index / FPS, marks=marks).reduce(_SMALLER))
