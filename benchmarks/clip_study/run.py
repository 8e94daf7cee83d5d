"""Compares captions of clips with captions of frames: `python -m benchmarks clip_study`.

    python -m benchmarks clip_study [--folder data/runs/clips] [--films 60] [--out docs/results]

It teaches two copies of the demo's captioner in the same way, one to read frames and one to read clips, renders films
in which no single picture shows what happens, and curates them by configs/demo.yaml with frames and with clips of two,
four and eight. It goes on where it was stopped. `--out` writes clips.md and clips.json.

FOLDER/checkpoints           the two captioners; frame.json, clip.json: how they were trained
FOLDER/films                 the films
FOLDER/CONDITION             a workspace; CONDITION.json: what was said and chosen in it, and its cost
"""

from __future__ import annotations

import argparse
import json
import logging
import shutil
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple

import torch

import prompts
from benchmarks.clip_study.curation import SIZES, curate, unit_of
from benchmarks.clip_study.figures import figures
from benchmarks.clip_study.page import page
from benchmarks.saliency_study.run import encoder
from benchmarks.speech_study.run import SUMMARIZER, begin
from curation.store.files import write_whole
from demo.films import Film, build, films
from demo.tiny_models.motion_data import Unit
from demo.tiny_models.motion_reader import STEPS, train
from schemas.configuration.text_config import CaptionConfig
from schemas.repository import ROOT

CAPTIONER = ROOT / "data" / "demo" / "captioner"
UNITS: tuple[Unit, ...] = ("frame", "clip")


class Wanted(NamedTuple):
    """What to make in `folder`: so many films, and so many steps of training."""

    folder: Path
    films: int = 60
    steps: int = STEPS


def run(wanted: Wanted, on_step: Callable[[str], None]) -> dict[str, Any]:
    """Make what the folder does not have yet; return the figures.

    Raises ConfigError for a folder that was begun with other settings.
    """
    folder = wanted.folder
    about = {"films": wanted.films, "steps": wanted.steps}
    begin(folder, about)
    trained = teach(folder / "checkpoints", wanted.steps, on_step)
    wanted_films = films(wanted.films)
    on_step("films")
    build(folder / "films", wanted_films, marks=False)
    made = {condition: _curated(folder, condition, wanted_films, on_step) for condition in SIZES}
    seconds = sum(film.script.duration for film in wanted_films)
    return {"about": {**about, "seconds": seconds, "training": trained}, **figures(made), "recipe": recipe_cost()}


def teach(folder: Path, steps: int, on_step: Callable[[str], None]) -> dict[Unit, dict[str, Any]]:
    """Train the captioners that are not there, each in a process of its own; return what it took."""
    missing = [unit for unit in UNITS if not (folder / f"{unit}.json").exists()]
    folder.mkdir(parents=True, exist_ok=True)
    if missing:
        on_step(f"training of {' and '.join(missing)}, {steps} steps")
        with ProcessPoolExecutor(len(missing), mp_context=get_context("spawn")) as pool:
            for one in [pool.submit(_teach, folder, unit, steps) for unit in missing]:
                one.result()
    return {unit: json.loads((folder / f"{unit}.json").read_text(encoding="utf-8")) for unit in UNITS}


def recipe_cost() -> dict[str, int]:
    """The prompts of the default recipe in tokens of the demo's summarizer, and the most tokens of a caption."""
    encode, config = encoder(str(SUMMARIZER)), CaptionConfig()
    counted = {
        unit: len(encode(prompts.load(name).render()))
        for unit, name in (("frame", config.prompt), ("clip", config.clip_prompt))
    }
    return {**counted, "name": len(encode("[12] (shown before)")) - len(encode("")), "caption": config.max_tokens}


def _teach(folder: Path, unit: Unit, steps: int) -> None:
    logging.basicConfig(level=logging.ERROR, format="%(message)s")
    logging.getLogger("demo").setLevel(logging.INFO)
    torch.set_num_threads(1)  # so that the fixed seed gives the same weights again
    began = time.process_time()
    loss = train(CAPTIONER, folder / unit, unit, steps)
    told = {"cpu_seconds": round(time.process_time() - began), "loss": round(loss, 4)}
    write_whole(folder / f"{unit}.json", json.dumps(told) + "\n")


def _curated(folder: Path, condition: str, wanted: list[Film], on_step: Callable[[str], None]) -> dict[str, Any]:
    name = condition.replace(" ", "-")
    path = folder / f"{name}.json"
    if not path.exists():
        on_step(f"{condition}, with the captioner of {unit_of(condition)}s")
        shutil.rmtree(folder / name, ignore_errors=True)  # times of a run that was stopped would be too short
        made = curate(folder / name, folder / "films", wanted, condition, folder / "checkpoints")
        write_whole(path, json.dumps(made) + "\n")
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def main() -> None:
    """Make what is missing, and print the figures as one line of JSON, with or without `--json`."""
    about = (__doc__ or "").splitlines()[0]
    parser = argparse.ArgumentParser(prog="python -m benchmarks clip_study", description=about)
    parser.add_argument("--folder", type=Path, default=ROOT / "data" / "runs" / "clips", help="for all files")
    parser.add_argument("--films", type=int, default=Wanted._field_defaults["films"])
    parser.add_argument("--steps", type=int, default=STEPS, help="of the training")
    parser.add_argument("--out", type=Path, help="write clips.md and clips.json here")
    parser.add_argument("--json", action="store_true", help="print one line of JSON, which is also the default")
    options = parser.parse_args()
    logging.basicConfig(level=logging.ERROR)
    wanted = Wanted(options.folder.resolve(), options.films, options.steps)
    found = run(wanted, lambda step: print(step, file=sys.stderr, flush=True))
    if options.out is not None:
        write_whole(options.out / "clips.json", json.dumps(found, indent=1) + "\n")
        write_whole(options.out / "clips.md", page(found))
    print(json.dumps(found))


if __name__ == "__main__":
    main()
