"""Estimates what the due videos will take: requests, tokens, hours, disk, money and samples, with intervals.

Wall time. Stages of different shards overlap, so the slowest lane (download, decode or model) sets the pace. The shards
that are in flight together make a wave. With n equal waves the makespan of a flow shop is the sum of one wave's times
plus n - 1 times the longest (M. Pinedo, Scheduling, on permutation flow shops): the slowest lane and an n-th of the
others. The export comes last. The time of the download lane is the seconds of all downloads divided by the number of
downloads at once. The time of the other lanes is the wall seconds in which they worked, since one machine and one set
of servers do not get faster with more videos at once.
"""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import NamedTuple

import numpy as np

from curation.ledger.stages import EXPORT, LANES, ROLES, TRANSCRIBE, Lane
from curation.pipeline.budget import bill
from curation.pipeline.turns import RECOGNISER, lane_of
from curation.plan.costs import QUANTITIES, Probed, busy_seconds, column, most_at_once
from curation.plan.intervals import Numbers, Range, interval, totals, wilson
from models.identity import name_of
from schemas.configuration.config import CurateConfig
from schemas.configuration.model_config import ChatConfig, SpeechConfig
from schemas.documents.plan import CostPlan, Interval, ModelPlan, PlanEstimate
from schemas.kit.number_of import number_of

LEAST = 5  # the least number of settled videos to extrapolate from


class Measured(NamedTuple):
    """Figures that only the probing run knows.

    `start_seconds`: the time to open the models, once a run. `served_share`: the share of the model lane's wall time in
    which a server had a request (1 for models of this process). `paid_share`: tokens paid for each token in finished
    records, 1 or more: failed captions and canaries are in no record. `paced_seconds`: what the downloads take at least
    at the configured pace.
    """

    start_seconds: float = 0.0
    served_share: float = 1.0
    paid_share: float = 1.0
    paced_seconds: float = 0.0


class Estimate(NamedTuple):
    """The totals for the due videos, in seconds, bytes and the configured currency; `states` counts videos.

    The bytes of the export are those of settled and due videos together.
    """

    quantities: dict[str, Range]
    lanes: dict[str, Range]
    wall_seconds: Range
    gpu_seconds: Range
    cost: Range
    states: dict[str, Range]
    bottleneck: Lane


def choose(due: Iterable[str], count: int, seed: str) -> list[str]:
    """A random sample of `count` ids, which stays the same when other ids leave the list.

    Every id has a permanent random number, a hash with the seed, and the smallest are taken (E. Ohlsson, in Business
    Survey Methods, 1995). So the videos that an interrupted probe left unfinished come first again.
    """
    return sorted(due, key=lambda video: (hashlib.sha256(f"{seed}\n{video}".encode()).digest(), video))[:count]


def too_few(settled: int, together: int, probe: int) -> str | None:
    """Why a probe is refused before it costs anything: `together` with the settled videos it is too small, in words."""
    if together >= LEAST:
        return None
    have = f"settled in this workspace: {number_of(settled, 'video')}; with --probe {probe} there would be {together}"
    way = f"give --probe {LEAST - settled} or more, or sources with more videos"
    return f"{have}, and from fewer than {LEAST} nothing is extrapolated: {way}. Nothing was curated"


def problem(probed: Probed, due: Mapping[str, frozenset[str]]) -> str | None:
    """The reason why nothing can be extrapolated, in words; None when something can."""
    if len(probed.ids) < LEAST:
        return (
            f"settled in this workspace: {number_of(len(probed.ids), 'video')}; from fewer than {LEAST} nothing is "
            f"extrapolated: give --probe {2 * LEAST} or more, or sources with more videos"
        )
    for stage, count in sorted(Counter(map(_first, due.values())).items()):
        if not probed.entered[:, column(stage)].any():
            return f"due at {stage}: {number_of(count, 'video')}, and no settled video came there: probe some (--probe)"
    return None


def estimate(probed: Probed, due: Mapping[str, frozenset[str]], config: CurateConfig, measured: Measured) -> Estimate:
    """Extrapolate to the due videos (id -> the stages ahead). Raises ValueError where `problem` gives a reason."""
    if why := problem(probed, due):
        raise ValueError(why)
    counts = Counter(tuple(sorted(column(stage) for stage in {*ahead, EXPORT})) for ahead in due.values())
    seed = int.from_bytes(hashlib.sha256(config.name.encode()).digest()[:8], "big")
    cost = probed.cost.copy()
    for lane in LANES:
        cost[:, :, _at(f"{lane}_seconds")] *= _lane_scale(probed, lane, len(due), config)
    for role in ROLES:
        for name in ("requests", "tokens_in", "tokens_out"):
            cost[:, :, _at(f"{role}_{name}")] *= measured.paid_share
    both = totals(cost, probed.entered, counts, seed)
    rows = np.vstack(
        [both.expected, both.replicates]
    )  # row 0 holds the expected totals, and is computed like the replicates

    def ranged(values: Numbers) -> Range:
        return interval(float(values[0]), values[1:], both.probes)

    # The export also holds the settled samples. While it is written, the former export still exists.
    for name in ("export_bytes", "export_seconds"):
        rows[:, _at(name)] += float(probed.cost[:, :, _at(name)].sum()) * probed.settled / len(probed.ids)
    wave = config.run.shards_in_flight * config.run.shard_size
    waves = max(1, math.ceil(len(due) / wave))
    lanes = np.stack([rows[:, _at(f"{lane}_seconds")] for lane in LANES], axis=1)
    place = LANES.index("download")
    lanes[:, place] = np.maximum(lanes[:, place], measured.paced_seconds)
    slowest = lanes.max(axis=1)
    wall = slowest + (lanes.sum(axis=1) - slowest) / waves + rows[:, _at("export_seconds")]
    wall += measured.start_seconds * bool(due)
    gpus = config.prices.gpus if _uses_gpus(config) else 0
    read, written = (rows[:, [_at(f"{role}_tokens_{way}") for role in ROLES]].sum(axis=1) for way in ("in", "out"))
    prices = [bill(config.prices, *each).total for each in zip(wall, read, written, strict=True)]
    quantities = {name: ranged(rows[:, _at(name)]) for name in QUANTITIES if name != "passing_bytes"}
    at_once = min(len(due), wave) / max(len(due), 1)
    passing = rows[:, _at("passing_bytes")] * at_once + rows[:, _at("export_bytes")]
    quantities["temporary_bytes"] = ranged(passing)
    return Estimate(
        quantities,
        {lane: ranged(lanes[:, i]) for i, lane in enumerate(LANES)},
        ranged(wall),
        ranged(rows[:, _at("model_seconds")] * measured.served_share * gpus),
        ranged(np.asarray(prices)),
        _states(probed, due),
        LANES[int(lanes[0].argmax())],
    )


def _at(quantity: str) -> int:
    return QUANTITIES.index(quantity)


def _lane_scale(probed: Probed, lane: str, due: int, config: CurateConfig) -> float:
    """Wall seconds of a lane for each second of work on a video."""
    spans = [span for one in probed.spans for span in one]
    worked = float(probed.cost[:, :, _at(f"{lane}_seconds")].sum())
    if not worked:
        return 0.0
    if lane == "download":
        run = config.run
        at_once = min(run.download_workers * run.shards_in_flight, most_at_once(spans, lane), max(due, 1))
        return 1 / max(at_once, 1)
    return busy_seconds(spans, lane) / worked


def _first(ahead: frozenset[str]) -> str:
    """The stage at which a video is due."""
    return min(ahead, key=column)


def _states(probed: Probed, due: Mapping[str, frozenset[str]]) -> dict[str, Range]:
    """How many of the due videos end in each state, by Wilson's interval of each share."""
    found = {}
    for state in ("sample", "rejected", "retryable"):
        parts = []
        for stage, count in Counter(map(_first, due.values())).items():
            there = probed.entered[:, column(stage)]
            came = [s for s, is_there in zip(probed.states, there, strict=True) if is_there]
            parts.append([count * share for share in wilson(came.count(state), len(came))])
        expected, low, high = (sum(part[i] for part in parts) for i in range(3))
        found[state] = Range(expected, math.floor(low), math.ceil(high))
    return found


def _uses_gpus(config: CurateConfig) -> bool:
    models = [*_models(config).values(), *config.models.annotators, *_recogniser(config).values()]
    return any(model.engine == "openai" or model.device != "cpu" for model in models)


def _recogniser(config: CurateConfig) -> dict[str, SpeechConfig]:
    """The speech recogniser under its role, where transcripts are asked of it."""
    model = config.models.transcriber
    return {RECOGNISER: model} if model is not None and lane_of(TRANSCRIBE, config) == "model" else {}


def _models(config: CurateConfig) -> dict[str, ChatConfig]:
    """The models whose requests and tokens are counted; models that take turns with the summarizer are under it."""
    models = config.models
    named = {"captioner": models.captioner, "summarizer": models.summarizer}
    return named | ({"judge": models.judge} if models.judge is not None else {})


def advice(found: Estimate, config: CurateConfig) -> str:
    """What limits the run, and what to change first."""
    lane, run = found.bottleneck, config.run
    share = found.lanes[lane].expected / found.wall_seconds.expected if found.wall_seconds.expected else 1.0
    head = {"download": "Downloads limit", "decode": "Decoding limits", "model": "The models limit"}[lane]
    head = f"{head} the run (at work for {min(share, 1.0):.0%} of its wall time): "
    if lane == "download" and config.download.pace:
        return head + (
            f"downloads from one host are {config.download.pace:g} s apart (download.pace). More workers do not change "
            "that; a faster pace may get you blocked."
        )
    if lane == "download":
        return head + (
            f"raise run.download_workers (now {run.download_workers} a shard), or lower download.max_height "
            f"(now {config.download.max_height})."
        )
    if lane == "decode":
        return head + (
            f"raise run.decode_workers (now {run.decode_workers}) as far as there are processor cores, or lower "
            f"frames.short_side (now {config.frames.short_side}) or frames.fps."
        )
    seconds = {role: found.quantities[f"{role}_seconds"].expected for role in (*_models(config), *_recogniser(config))}
    role = max(seconds, key=lambda name: seconds[name])
    engine = getattr(config.models, role).engine
    if engine == "faster_whisper":
        return head + (
            f"serve a Whisper model with vLLM for models.{role} (engine: openai), give it a GPU (device), or take a "
            "smaller model: this process hears one piece of sound at a time."
        )
    if engine == "local":
        return head + (
            f"serve models.{role} with vLLM (`v2xum serve {role}`, engine: openai): this process runs one batch at a "
            "time."
        )
    return head + (
        f"give models.{role} more replicas (base_urls), or raise its concurrency.max while the server's queue is "
        "empty, or take a smaller model."
    )


def document(found: Estimate, config: CurateConfig) -> PlanEstimate:
    """The estimate as the document that `v2xum plan` prints, rounded."""
    q = found.quantities
    return PlanEstimate(
        videos={state: _rounded(range_, 1, 1) for state, range_ in found.states.items()},
        models={
            role: ModelPlan(
                name=name_of(model.model) if model.engine == "local" else model.model,
                requests=_rounded(q[f"{role}_requests"], 1, 0),
                tokens_in=_rounded(q[f"{role}_tokens_in"], 1, 0),
                tokens_out=_rounded(q[f"{role}_tokens_out"], 1, 0),
            )
            for role, model in _models(config).items()
        },
        wall_hours=_rounded(found.wall_seconds, 3600, 6),
        gpu_busy_hours=_rounded(found.gpu_seconds, 3600, 6),
        lanes={f"{lane}_hours": _rounded(found.lanes[lane], 3600, 6) for lane in LANES},
        bottleneck=found.bottleneck,
        store_megabytes=_rounded(q["store_bytes"], 1e6, 3),
        export_megabytes=_rounded(q["export_bytes"], 1e6, 3),
        temporary_megabytes=_rounded(q["temporary_bytes"], 1e6, 3),
        cost=CostPlan(currency=config.prices.currency, **_rounded(found.cost, 1, 4).model_dump()),
        advice=advice(found, config),
    )


def _rounded(range_: Range, unit: float, digits: int) -> Interval:
    values = [round(value / unit, digits) for value in range_]
    expected, low, high = (int(value) if digits == 0 else value for value in values)
    return Interval(expected=expected, low=low, high=high)
