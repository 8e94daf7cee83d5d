"""Measures what several annotators are worth on films of known truth: `python -m benchmarks saliency_study`.

    python -m benchmarks saliency_study [--folder data/runs/saliency] [--films 600] [--out docs/results]

The extractive stage runs as in a curation, with the demo's summarizer and configs/demo.yaml, over captions of the
demo's scripts that lost words (films.py): with five annotators of one model, at the configured temperature 0 and at
higher ones, and with five models that were trained alike from other seeds (20 minutes each, once). It goes on where it
was stopped. `--out` writes saliency.md, saliency.json and saliency.svg.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch
from transformers import AutoTokenizer

import prompts
from benchmarks.saliency_study.figures import figures, over_likeliest
from benchmarks.saliency_study.films import Film, caption_set, chosen, films
from benchmarks.saliency_study.page import page, plot
from benchmarks.saliency_study.prefix_cache import PrefixCache
from curation.store.files import write_whole
from curation.text.extract import question
from demo.tiny_models.summarizer import SEED, train
from demo.world import make_script
from models.build import build_chat_model
from schemas.configuration.config import ExtractConfig
from schemas.configuration.loading import load_config
from schemas.configuration.model_config import LocalModel
from schemas.repository import ROOT

ANNOTATORS = 5
MODELS = "five models"
CONDITIONS = {  # the temperature of each; the first one's first choice is the likeliest
    **{f"temperature {temperature:g}": temperature for temperature in (0.0, 1.5, 3.0)},
    MODELS: 0.0,
}
_RECIPE_SECONDS = 120  # of the script whose one request shows the cost of a whole video
_AutoTokenizer: Any = AutoTokenizer  # the library does not annotate it


def run(folder: Path, count: int, on_step: Callable[[str], None]) -> dict[str, Any]:
    """Ask for what `folder` does not have yet; return the figures by condition."""
    rows = {name: _rows(folder, name, count, on_step) for name in CONDITIONS}
    base = next(iter(rows.values()))
    found = {name: {**figures(of), "over_likeliest": over_likeliest(of, base)} for name, of in rows.items()}
    return {"about": {"films": count, "annotators": ANNOTATORS}, "conditions": found, "recipe": recipe_cost()}


def recipe_cost() -> dict[str, int]:
    """The prompt of the default recipe for a whole video in one request, in tokens of the demo's summarizer.

    `one`: of one annotator; `computed`: of all of them, behind a prefix cache.
    """
    script = make_script(1, _RECIPE_SECONDS)
    film = Film(script, 0.0, script.captions)
    text = question(caption_set(film), _RECIPE_SECONDS, prompts.load("extract.v2"), ExtractConfig()).text
    cache = PrefixCache(encoder(str(ROOT / "data" / "demo" / "summarizer")))
    computed = [cache.computed(text) for _ in range(ANNOTATORS)]
    return {"one": computed[0], "computed": sum(computed), "seconds": _RECIPE_SECONDS}


def encoder(checkpoint: str) -> Callable[[str], list[int]]:
    """The tokens of the whole prompt of a text, as the checkpoint's chat template writes it."""
    tokenizer = _AutoTokenizer.from_pretrained(checkpoint)

    def encode(text: str) -> list[int]:
        whole = tokenizer.apply_chat_template(
            [{"role": "user", "content": text}], add_generation_prompt=True, tokenize=False
        )
        return list(tokenizer(whole, add_special_tokens=False)["input_ids"])

    return encode


def _rows(folder: Path, name: str, count: int, on_step: Callable[[str], None]) -> list[dict[str, Any]]:
    path = folder / f"{name.replace(' ', '-')}.jsonl"
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    rows = [json.loads(line) for line in lines[:count]]
    if len(rows) == count:
        return rows
    further = ",".join(f"{{model: {one}}}" for one in other_models(folder, on_step)) if name == MODELS else ""
    settings = [f"extract.annotators={ANNOTATORS}", f"models.summarizer.temperature={CONDITIONS[name]}"]
    config = load_config(ROOT / "configs" / "demo.yaml", [*settings, f"models.annotators=[{further}]"])
    assert isinstance(config.models.summarizer, LocalModel)
    models = [build_chat_model(one) for one in (config.models.summarizer, *config.models.annotators)]
    fresh = partial(PrefixCache, encoder(config.models.summarizer.model))  # all models have the same tokenizer
    folder.mkdir(parents=True, exist_ok=True)
    for film in list(films(count))[len(rows) :]:
        on_step(f"{name}: film {len(rows) + 1} of {count}")
        rows.append(chosen(film, models, prompts.load(config.extract.prompt), config.extract, fresh))
        write_whole(path, "".join(json.dumps(row) + "\n" for row in rows))
    return rows


def other_models(folder: Path, on_step: Callable[[str], None]) -> list[Path]:
    """Summarizers that were trained as the demo's own, each from another seed; those that are missing are trained."""
    places = []
    for seed in range(SEED + 1, SEED + ANNOTATORS):
        places.append(place := folder / f"summarizer-{seed}")
        if not place.exists():
            on_step(f"training the summarizer of seed {seed}")
            torch.set_num_threads(1)  # the same seed gives the same weights
            train(place.with_suffix(".part"), seed=seed)
            place.with_suffix(".part").rename(place)
    return places


def main() -> None:
    """Make what is missing, and print the figures as one line of JSON, with or without `--json`."""
    about = (__doc__ or "").splitlines()[0]
    parser = argparse.ArgumentParser(prog="python -m benchmarks saliency_study", description=about)
    parser.add_argument("--folder", type=Path, default=ROOT / "data" / "runs" / "saliency", help="for what was chosen")
    parser.add_argument("--films", type=int, default=600)
    parser.add_argument("--out", type=Path, help="write saliency.md, saliency.json and saliency.svg here")
    parser.add_argument("--json", action="store_true", help="print one line of JSON, which is also the default")
    options = parser.parse_args()
    logging.basicConfig(level=logging.ERROR)
    found = run(options.folder.resolve(), options.films, lambda step: print(step, file=sys.stderr, flush=True))
    if options.out is not None:
        write_whole(options.out / "saliency.json", json.dumps(found, indent=1) + "\n")
        write_whole(options.out / "saliency.md", page(found))
        write_whole(options.out / "saliency.svg", plot(found))
    print(json.dumps(found))


if __name__ == "__main__":
    main()
