"""Curates the films of one condition by the real pipeline, and holds captions and keyframes against the scripts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from curation.ledger.stages import STAGES
from curation.pipeline.services import open_services
from curation.status.standings import all_rejections, samples
from curation.workspace import Workspace
from demo.evaluate import carry
from demo.films import Film
from demo.tiny_models.motion_data import PROMPTS, Unit
from demo.world import Script, names_event, shows_event
from schemas.configuration.config import CurateConfig
from schemas.configuration.loading import load_config
from schemas.records import Origin, Sample, Source
from schemas.repository import ROOT

SIZES = {"frame": 0, "clips of 2": 2, "clips of 4": 4, "clips of 8": 8}  # 0: one frame in a request
BATCH = 64  # pictures that are captioned at once, in requests of any size

Row = Mapping[str, Any]


def unit_of(condition: str) -> Unit:
    """Which of the two captioners a condition has."""
    return "clip" if SIZES[condition] else "frame"


def config_of(condition: str, checkpoints: Path) -> CurateConfig:
    """configs/demo.yaml with the captioner of the study in the folder `checkpoints`, asked as the condition says.

    Every second is captioned, also where it is nearly as the one before: small, slow changes are what is looked for.
    """
    unit = unit_of(condition)
    settings = [f"models.captioner.model={checkpoints / unit}", f"models.captioner.batch={BATCH}"]
    settings += [f"frames.near_duplicates.{limit}=0" for limit in ("max_distance", "max_difference")]
    settings += [f"caption.unit={unit}", f"caption.clip_prompt={PROMPTS['clip']}"]
    settings += [f"caption.clip_frames={SIZES[condition]}"] * (unit == "clip")
    return load_config(ROOT / "configs" / "demo.yaml", settings)


def curate(folder: Path, site: Path, films: Sequence[Film], condition: str, checkpoints: Path) -> dict[str, Any]:
    """Curate the films in the folder `site` in the workspace `folder`.

    Returns `rows`, one a film (`row`), and `caption_seconds`, which the captions took, models loaded before.
    """
    sources = [
        Source(id=film.id, kind="file", uri=str(site / film.file), origin=Origin(list_name=condition, row=number))
        for number, film in enumerate(films)
    ]
    with open_services(Workspace(folder), config_of(condition, checkpoints)) as services:
        services.open_models([stage.name for stage in STAGES.every])
        carry(services, sources)
        found = {one.source.id: one for one in samples(services.view)}
        out = {one.id: f"{one.stage}: {one.reason}" for one in all_rejections(services.view)}
        entries = [services.ledger.entry(film.id, "caption") for film in films]
    rows = [
        row(found[film.id], film.script, SIZES[condition])
        if film.id in found
        else {"film": film.id, "fault": out[film.id], "truth": [*film.script.keyframes], "events": events(film.script)}
        for film in films
    ]
    seconds = sum(entry.seconds for entry in entries if entry is not None)
    return {"rows": rows, "caption_seconds": round(seconds, 2)}


def events(script: Script, captions: Mapping[int, str] | None = None) -> list[list[Any]]:
    """Every event as `[kind, found]`: whether the caption of one of its seconds names object and action."""
    said = captions or {}
    return [
        [event.kind, any(names_event(said.get(second, ""), event) for second in event.seconds)]
        for event in script.events
    ]


def row(sample: Sample, script: Script, size: int) -> dict[str, Any]:
    """What was said and chosen in a film, as plain values.

    `truth` and `chosen`: seconds; `events`: as `events`; `exact`: captions that are right to the letter; `named`:
    seconds of an event whose caption names it; `invented`: quiet seconds whose caption tells of an event, and `quiet`
    how many there are; `pictures`, `tokens_in`, `tokens_out`: of the captions.
    """
    captions: dict[int, str] = {caption.index: caption.text for caption in sample.captions.captions}
    quiet = [second for second in captions if script.at(second).event is None]
    asked = sum(frame.same_as is None for frame in sample.frames.frames)
    clips = -(-asked // size) if size else 0
    efforts = [caption.effort for caption in sample.captions.captions]
    return {
        "film": sample.source.id,
        "fault": None,
        "truth": [*script.keyframes],
        "chosen": [*sample.extract.keyframes],
        "events": events(script, captions),
        "captions": len(captions),
        "exact": sum(text == script.captions[second] for second, text in captions.items()),
        "named": sum(
            names_event(captions.get(second, ""), event) for event in script.events for second in event.seconds
        ),
        "quiet": len(quiet),
        "invented": sum(shows_event(captions[second]) for second in quiet),
        "pictures": asked + max(0, clips - 1),
        "tokens_in": sum(effort.tokens_in for effort in efforts),
        "tokens_out": sum(effort.tokens_out for effort in efforts),
    }
