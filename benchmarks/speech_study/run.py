"""Measures what transcripts add on films that are partly told: `python -m benchmarks speech_study`.

    python -m benchmarks speech_study [--folder data/runs/speech] [--films 40] [--out docs/results]

It teaches a copy of the demo's summarizer to read what is said, renders films with a narrator, and curates them from a
local site by configs/demo.yaml: without transcripts, with them, and with the lines of another film. It goes on where it
was stopped. `--out` writes speech.md, speech.json and speech.svg.

FOLDER/checkpoint            the study's summarizer; checkpoint.json: how it was trained, and what it can
FOLDER/site                  films, pages and subtitles
FOLDER/CONDITION-ROUND       a workspace; CONDITION-ROUND.json: what was chosen in it, and its times
"""

from __future__ import annotations

import argparse
import json
import logging
import shutil
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch

import prompts
from benchmarks.saliency_study.films import Film as Captioned
from benchmarks.saliency_study.films import caption_set
from benchmarks.saliency_study.run import encoder
from benchmarks.speech_study.curation import CONDITIONS, curate
from benchmarks.speech_study.figures import figures
from benchmarks.speech_study.page import page, plot
from curation.store.files import write_whole
from curation.text.extract import question
from curation.text.speech import Speech
from demo.films import Film
from demo.narrated_films import build_site, narrated_films
from demo.site import serve
from demo.spoken import with_narrator
from demo.tiny_models.speech_reader import STEPS, train
from demo.world import make_script
from schemas.configuration.config import ExtractConfig
from schemas.errors import ConfigError
from schemas.parts.transcript import SpokenSegment
from schemas.repository import ROOT
from schemas.time import Seconds

SUMMARIZER = ROOT / "data" / "demo" / "summarizer"
_RECIPE_SECONDS = 90  # of the script whose one request shows the cost of a whole video


class Wanted(NamedTuple):
    """What to make in `folder`: so many films, steps of training, and rounds in which the times are measured."""

    folder: Path
    films: int = 40
    steps: int = STEPS
    rounds: int = 1


def run(wanted: Wanted, on_step: Callable[[str], None]) -> dict[str, Any]:
    """Make what the folder does not have yet; return the figures.

    Raises ConfigError for a folder that was begun with other settings.
    """
    folder = wanted.folder
    about = {"films": wanted.films, "steps": wanted.steps}
    begin(folder, about)
    trained = teach(folder / "checkpoint", wanted.steps, on_step)
    films = narrated_films(wanted.films)
    on_step("films")
    build_site(folder / "site", films)
    rounds = []
    with serve(folder / "site") as base:
        for number in range(wanted.rounds):
            # Off and on take turns to be the first: a machine is not equally fast all the time.
            tried = CONDITIONS if number == 0 else ("on", "off") if number % 2 else ("off", "on")
            rounds.append({one: _curated(folder, f"{one}-{number}", one, base, films, on_step) for one in tried})
    seconds = sum(film.script.duration for film in films)
    said = {"seconds": seconds, "lines": sum(len(film.script.lines) for film in films), "training": trained}
    return {"about": {**about, **said}, **figures(rounds), "recipe": recipe_cost()}


def begin(folder: Path, about: Mapping[str, int]) -> None:
    """Note the settings of a study in its folder. Raises ConfigError where it was begun with others."""
    begun = folder / "about.json"
    if begun.exists() and json.loads(begun.read_text(encoding="utf-8")) != about:
        raise ConfigError(f"{folder} was begun with other settings: name another --folder, or remove it")
    write_whole(begun, json.dumps(about) + "\n")


def teach(out: Path, steps: int, on_step: Callable[[str], None]) -> dict[str, Any]:
    """Train the summarizer of the study, unless it is there; return how long it took and what it can."""
    told = out.with_suffix(".json")
    if not told.exists():
        on_step(f"training, {steps} steps")
        torch.set_num_threads(1)  # so that the fixed seed gives the same weights again
        began = time.process_time()
        exact = train(SUMMARIZER, out, steps)
        spent = round(time.process_time() - began)
        write_whole(told, json.dumps({"cpu_seconds": spent, **{name: round(of, 4) for name, of in exact.items()}}))
    found: dict[str, Any] = json.loads(told.read_text(encoding="utf-8"))
    return found


def recipe_cost() -> dict[str, int]:
    """The prompt of the default recipe for a whole narrated video in one request, in tokens of the demo's summarizer.

    `off` and `on`: without and with what is said; `fixed`: of these, the prompt that introduces it; `lines`: how many.
    """
    script = with_narrator(make_script(1, _RECIPE_SECONDS))
    captions = caption_set(Captioned(script, 0.0, script.captions))
    said = tuple(SpokenSegment(start=Seconds(a.start), end=Seconds(a.end), text=a.text) for a in script.lines)
    speech, encode = Speech(said, prompts.load("extract-speech.v1")), encoder(str(SUMMARIZER))
    prompt, config = prompts.load("extract.v2"), ExtractConfig()
    off, on = (len(encode(question(captions, _RECIPE_SECONDS, prompt, config, told).text)) for told in (None, speech))
    fixed = len(encode(speech.prompt.own)) - len(encode(""))
    return {"off": off, "on": on, "fixed": fixed, "lines": len(said), "seconds": _RECIPE_SECONDS}


def _curated(
    folder: Path, name: str, condition: str, base: str, films: list[Film], on_step: Callable[[str], None]
) -> dict[str, Any]:
    path = folder / f"{name}.json"
    if not path.exists():
        on_step(name)
        shutil.rmtree(folder / name, ignore_errors=True)  # times of a run that was stopped would be too short
        write_whole(path, json.dumps(curate(folder / name, base, films, condition, folder / "checkpoint")) + "\n")
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def main() -> None:
    """Make what is missing, and print the figures as one line of JSON, with or without `--json`."""
    about = (__doc__ or "").splitlines()[0]
    parser = argparse.ArgumentParser(prog="python -m benchmarks speech_study", description=about)
    parser.add_argument("--folder", type=Path, default=ROOT / "data" / "runs" / "speech", help="for all files")
    parser.add_argument("--films", type=int, default=Wanted._field_defaults["films"])
    parser.add_argument("--steps", type=int, default=STEPS, help="of the training")
    parser.add_argument("--rounds", type=int, default=Wanted._field_defaults["rounds"], help="of the times")
    parser.add_argument("--out", type=Path, help="write speech.md, speech.json and speech.svg here")
    parser.add_argument("--json", action="store_true", help="print one line of JSON, which is also the default")
    options = parser.parse_args()
    logging.basicConfig(level=logging.ERROR)
    logging.getLogger("demo").setLevel(logging.INFO)
    wanted = Wanted(options.folder.resolve(), options.films, options.steps, options.rounds)
    found = run(wanted, lambda step: print(step, file=sys.stderr, flush=True))
    if options.out is not None:
        write_whole(options.out / "speech.json", json.dumps(found, indent=1) + "\n")
        write_whole(options.out / "speech.md", page(found))
        write_whole(options.out / "speech.svg", plot(found))
    print(json.dumps(found))


if __name__ == "__main__":
    main()
