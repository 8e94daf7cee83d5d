"""Curates the narrated films of one condition by the real pipeline, from the pages of their site to samples."""

from __future__ import annotations

import resource
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from curation.ledger.stages import STAGES
from curation.pipeline.services import Services, open_services
from curation.status.standings import all_rejections, samples
from curation.text.candidates import one_of_each_picture
from curation.workspace import Workspace
from demo.evaluate import carry
from demo.films import Film
from demo.narrated_films import EXCHANGED, PAGES
from demo.world import Script
from schemas.configuration.config import CurateConfig
from schemas.configuration.loading import load_config
from schemas.records import Origin, Sample, Source
from schemas.repository import ROOT

# Without transcripts; with those of the subtitles; with subtitles that say at the same times what another film says.
CONDITIONS = ("off", "on", "exchanged")

Row = Mapping[str, Any]


def config_of(condition: str, checkpoint: Path) -> CurateConfig:
    """configs/demo.yaml with the summarizer `checkpoint`, and with transcripts unless the condition is `off`."""
    settings = [f"models.summarizer.model={checkpoint}"]
    if condition != "off":
        settings += ["download.subtitles=[en]", "transcribe.mode=publisher"]
    return load_config(ROOT / "configs" / "demo.yaml", settings)


def curate(folder: Path, base: str, films: Sequence[Film], condition: str, checkpoint: Path) -> dict[str, Any]:
    """Curate the films, whose site is at the address `base`, in the workspace `folder`.

    Returns `rows`, one a film (`row`), and what it took in seconds: `wall` and `cpu` of all, models loaded before, and
    `stages`, the sum of the videos' times by stage.
    """
    place = EXCHANGED if condition == "exchanged" else PAGES
    sources = [
        Source(
            id=film.id,
            kind="url",
            uri=f"{base}/{place}{film.id}.html",
            origin=Origin(list_name=condition, row=number),
        )
        for number, film in enumerate(films)
    ]
    with open_services(Workspace(folder), config_of(condition, checkpoint)) as services:
        services.open_models([stage.name for stage in STAGES.every])
        began, spent, children = time.monotonic(), time.process_time(), _children()
        carry(services, sources)
        wall, spent = time.monotonic() - began, time.process_time() - spent
        rows, stages = rows_of(services, films), _stages(services, films)
    # The children are counted when they have ended.
    return {"rows": rows, "wall": wall, "cpu": spent + _children() - children, "stages": stages}


def rows_of(services: Services, films: Sequence[Film]) -> list[dict[str, Any]]:
    """A row for each film, in their order; of one without a sample only why (`fault`)."""
    found = {sample.source.id: row(sample, script_of(films, sample.source.id)) for sample in samples(services.view)}
    out = {one.id: {"film": one.id, "fault": f"{one.stage}: {one.reason}"} for one in all_rejections(services.view)}
    return [found[film.id] if film.id in found else out[film.id] for film in films]


def script_of(films: Sequence[Film], name: str) -> Script:
    """The script of the film with this id. Raises StopIteration where there is none."""
    return next(film.script for film in films if film.id == name)


def row(sample: Sample, script: Script) -> dict[str, Any]:
    """What was chosen in a film and what would be right, as plain values.

    `shown` and `said` are the offered seconds that matter, by whether the picture or only the narrator has the event;
    `chatter` those at which the narrator begins to say something of no importance; `chosen` the keyframes.
    """
    offered = {caption.index for caption in one_of_each_picture(sample.captions, sample.frames).captions}
    shown = {second for stretch in script.stretches if stretch.event for second in stretch.event.seconds}
    said = {second for stretch in script.stretches if stretch.said for second in stretch.said.seconds}
    begun = {int(line.start) for line in script.lines}
    return {
        "film": sample.source.id,
        "fault": None,
        "offered": len(offered),
        "shown": sorted(shown & offered),
        "said": sorted(said & offered),
        "chatter": sorted((begun & offered) - said),
        "chosen": list(sample.extract.keyframes),
        "segments": len(sample.transcript.segments) if sample.transcript is not None else 0,
        "tokens_in": sample.extract.effort.tokens_in + sample.summary.effort.tokens_in,
        "tokens_out": sample.extract.effort.tokens_out + sample.summary.effort.tokens_out,
    }


def _stages(services: Services, films: Sequence[Film]) -> dict[str, float]:
    spent: dict[str, float] = {}
    for stage in STAGES.of(services.hashes.on):
        entries = [services.ledger.entry(film.id, stage.name) for film in films]
        spent[stage.name] = round(sum(entry.seconds for entry in entries if entry is not None), 3)
    return spent


def _children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
