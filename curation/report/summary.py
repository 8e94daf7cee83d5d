"""Sums up a run and its workspace as a `RunSummary`: the state of the ledger, and the counts of the run's meter."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from curation.ledger.stages import ROLES, STAGES
from curation.pipeline.identities import known_identities
from curation.pipeline.services import Services
from curation.pipeline.throughput import Point
from curation.report.findings import find
from curation.report.overview import AUDIT, Overview
from models.meter import Reading
from schemas.configuration.model_config import LocalModel, OpenAIModel
from schemas.documents.run_summary import BindingFigures, ModelUse, RepeatCounts, RunSummary, Series, StageCount, Totals
from schemas.kit.most_first import most_first
from schemas.safe_text import plain_line, public_text

_NO_RUN = "Nothing was curated here yet."
_LOST = "What this run's models did is not known: it was killed, or is still going on."
_LONGEST_WHY = 1000


class Course(NamedTuple):
    """The totals and the series of a run's meter."""

    totals: Totals
    series: Series


def course(reading: Reading, points: Sequence[Point]) -> Course:
    """The last reading of a meter and the points of a history, rounded; time counts from the first point."""
    start = points[0].seconds if points else 0.0
    seconds = (points[-1].seconds if points else reading.seconds) - start
    totals = Totals(
        seconds=round(seconds, 3),
        busy_seconds=round(reading.busy_seconds, 3),
        tokens_in=reading.tokens_in,
        tokens_out=reading.tokens_out,
        replies=reading.replies,
        cached=reading.cached,
        frames=reading.frames,
        retries=dict(sorted(reading.retries.items())),
        failures=dict(sorted(reading.failures.items())),
        waits={name: round(value, 3) for name, value in sorted(reading.waits.items())},
    )
    columns = zip(*points, strict=True) if points else iter([()] * len(Point._fields))
    named: dict[str, Any] = dict(zip(Point._fields, columns, strict=True))
    named["seconds"] = tuple(round(value - start, 3) for value in named["seconds"])
    return Course(totals, Series(**named))


def sum_up(services: Services, overview: Overview, how: Course | None, why: str | None) -> RunSummary:
    """The summary of the last run of `v2xum curate`.

    `how` is None when the figures of that run are lost. `why` is the reason why it stopped.
    """
    run = services.ledger.last_run(worked=True)
    made = run.stages if run else {}
    totals = how.totals if how else Totals()
    audited = overview.stages.done[AUDIT] + overview.stages.rejected[AUDIT]  # all may be set aside by it
    spreads = {name: data.spread() for name, data in overview.audits.items()}
    told = RunSummary(
        name=services.config.name,
        run=run.number if run else None,
        outcome=run.outcome if run else None,
        why=plain_line(public_text(why))[:_LONGEST_WHY] if why else None,
        started_at=_moment(run.started_at) if run else None,
        ended_at=_moment(run.ended_at) if run else None,
        videos=overview.states.total(),
        samples=overview.states["sample"],
        rejected=overview.states["rejected"],
        retryable=overview.states["retryable"],
        pending=overview.states["pending"],
        stages={
            stage.name: _stage(stage.name, overview, made.get(stage.name, {}))
            for stage in STAGES.of(services.hashes.on)
        },
        reasons=most_first(overview.reasons),
        totals=totals,
        tokens_in_per_second=round(totals.per_second(totals.tokens_in), 3),
        tokens_out_per_second=round(totals.per_second(totals.tokens_out), 3),
        frames_per_second=round(totals.per_second(totals.frames), 3),
        verdict=verdict(totals, _first(how.series)) if how else _LOST if run else _NO_RUN,
        models=tuple(_models(services)),
        ratio=overview.ratios.spread(),
        audits={name: spread for name, spread in spreads.items() if spread is not None},
        marks=dict(sorted(overview.marks.items())),
        binding=BindingFigures(**overview.binding) if overview.binding else None,
        transcripts=most_first(overview.transcripts),
        transcripts_lost=most_first(overview.transcripts_lost),
        repeats=RepeatCounts(**services.binding.repeat_figures()._asdict()) if audited else None,
        series=how.series if how else Series(),
    )
    return told.model_copy(update={"findings": find(told, services.config)})


def _stage(stage: str, overview: Overview, made: dict[str, int]) -> StageCount:
    return StageCount(
        done=overview.stages.done[stage],
        rejected=overview.stages.rejected[stage],
        due=overview.stages.due[stage],
        run_made=made.get("made", 0),
        run_reused=made.get("reused", 0),
        run_rejected=made.get("rejected", 0),
    )


def _models(services: Services) -> list[ModelUse]:
    models = services.config.models
    uses = []
    identities = known_identities(services.ledger, models)
    named: dict[str, Any] = {role: getattr(identities, role) for role in ROLES}
    named |= {f"annotators.{place}": one for place, one in enumerate(identities.annotators)}
    for role, (name, revision, _) in ((role, one) for role, one in named.items() if one is not None):
        chat = models.named()[role]
        if isinstance(chat, LocalModel | OpenAIModel):
            kind = role.partition(".")[0]
            stages = [stage.prompt for stage in STAGES if kind in (stage.asks, stage.beside)]
            asked = [prompt for prompt in stages if prompt in services.prompts]
            prompts = {prompt.id: prompt.sha256 for prompt in (services.prompts[name] for name in asked if name)}
            uses.append(ModelUse(role=role, engine=chat.engine, model=name, revision=revision, prompts=prompts))
    name, revision = identities.embedder
    uses.append(ModelUse(role="embedder", engine=models.embedder.engine, model=name, revision=revision))
    if identities.clip is not None:
        engine, name, revision = identities.clip
        uses.append(ModelUse(role="clip", engine=engine, model=name, revision=revision))
    for role, identity, model in (
        ("transcriber", identities.transcriber, models.transcriber),
        ("reader", identities.reader, models.reader),
        ("faces", identities.faces, models.faces),
        ("nudity", identities.nudity, models.nudity),
    ):
        if identity is not None and model is not None:
            name, revision, _ = identity
            uses.append(ModelUse(role=role, engine=model.engine, model=name, revision=revision))
    return uses


def _first(series: Series) -> float | None:
    """When the first tokens came, in seconds from the start."""
    return next((at for at, tokens in zip(series.seconds, series.tokens_in, strict=True) if tokens), None)


def _moment(unix: float | None) -> str | None:
    return datetime.fromtimestamp(unix, UTC).isoformat(timespec="seconds") if unix is not None else None


_BUSY = 0.9
_LATE = 0.2
_LANES = {"decode": ("decoding", "run.decode_workers"), "download": ("downloads", "run.download_workers")}


def verdict(totals: Totals, first: float | None = None) -> str:
    """Plain sentences about what set the pace of a run; the first tokens came `first` seconds after its start."""
    if not totals.replies:
        return "No model was asked: the ledger had every reply." if totals.cached else "No model was asked."
    lane = max(_LANES, key=lambda name: totals.waits.get(name, 0.0))
    word, key = _LANES[lane]
    waited = totals.waits.get(lane, 0.0)
    late = f" The first tokens came after {_seconds(first)}." if first and first > _LATE * totals.seconds else ""
    if totals.busy_seconds > 0 and totals.seconds > 0:
        busy = min(totals.busy_seconds / totals.seconds, 1.0)
        share = f"The model servers had requests in flight for {busy:.0%} of the run"
        if busy >= _BUSY:
            return f"{share}: they set the pace."
        if waited < (1 - busy) * totals.seconds / 2:
            return f"{share}, and neither decoding nor downloads explain the rest.{late}"
        return f"{share}; meanwhile {word} took {_seconds(waited)}. More of {key} would feed them better.{late}"
    model = totals.waits.get("model", 0.0)
    told = f"Threads, taken together, waited {_seconds(model)} for models and {_seconds(waited)} for {word}"
    return f"{told}: the models set the pace.{late}" if model >= waited else f"{told}; more of {key} may help.{late}"


def _seconds(value: float) -> str:
    return f"{value:,.0f} s" if value >= 10 else f"{value:.1f} s"
