"""Compares a run's figures with their thresholds and references: ok, look, or bad, and the reason in words. Pure.

Every figure of the report that has a limit in the configuration, or a published reference, has its rule here and
nowhere else. A figure without either gets no finding. The states:

- `bad`: the figure is beyond its limit;
- `look`: it is within its limit, but more than halfway from a perfect value to it; or so few were counted that the
  figure proves nothing; or some samples are beyond a limit that most keep;
- `ok`: everything else.
"""

from __future__ import annotations

from collections.abc import Iterator

from curation.status.lost_speech import CLASSES
from schemas.audit import GOOD
from schemas.configuration.config import AuditConfig, BindingConfig, CurateConfig
from schemas.documents.run_summary import BindingFigures, Finding, FindingState, RepeatCounts, RunSummary, Spread

PUBLISHED_RATIO = 0.1639  # mean of Instruct-V2Xum's training split
FAR, OFF = 2.0, 1.25  # how many times a mean ratio is over or under its target: bad, look
FEW_CANARIES, FEW_VIDEOS = 4, 3  # the evidence that the binding audit's alarms ask for
CHANCE, ABOVE_CHANCE = 0.5, 0.6  # how often a cited picture is nearer than another one; 0.5 is chance
_ORDER: tuple[FindingState, ...] = ("bad", "look", "ok")


def find(summary: RunSummary, config: CurateConfig) -> tuple[Finding, ...]:
    """The findings about a summary's figures under a configuration, the worst first."""
    found = [*_set_aside(summary, config.run.max_rejected)]
    found += _lost_speech(summary, config.run.max_rejected)
    if summary.binding is not None:
        found += _bound(summary.binding, config.binding)
    if summary.repeats is not None:
        found += _repeated(summary.repeats, config.binding)
    if summary.ratio is not None:
        found.append(_ratio(summary.ratio, config))
    found += _audited(summary.audits, config.audit)
    return tuple(sorted(found, key=lambda finding: _ORDER.index(finding.state)))


def _set_aside(summary: RunSummary, limit: float) -> Iterator[Finding]:
    if aside := summary.rejected + summary.retryable:
        share = aside / summary.videos
        state: FindingState = "bad" if share > limit else "look" if share > limit / 2 else "ok"
        yield Finding(
            key="set_aside",
            figure="videos set aside",
            value=f"{aside:,} of {summary.videos:,} ({share:.0%})",
            state=state,
            why=f"run.max_rejected allows {limit:.0%}; the reasons are listed",
        )


def _lost_speech(summary: RunSummary, limit: float) -> Iterator[Finding]:
    """A transcript that is lost costs no video, so nobody would hear of it: it is told here, with what to do."""
    if not summary.transcripts_lost:
        return
    lost, whole = sum(summary.transcripts_lost.values()), sum(summary.transcripts.values())
    share = lost / whole
    may_pass = any(CLASSES.get(reason) == "transient" for reason in summary.transcripts_lost)
    told = ", ".join(f"{reason} {count:,}" for reason, count in summary.transcripts_lost.items())
    yield Finding(
        key="transcripts",
        figure="transcripts lost or with gaps",
        value=f"{lost:,} of {whole:,} ({share:.0%})",
        state="bad" if share > limit else "look" if may_pass or share > limit / 2 else "ok",
        why=f"{told}; `v2xum retry WORKSPACE --reason NAME` lets the next run try them again",
    )


def _bound(figures: BindingFigures, config: BindingConfig) -> Iterator[Finding]:
    least = f"binding.min_canaries is {config.min_canaries:.0%}"
    if figures.canaries:
        yield _floor(
            "canaries",
            "pictures with known content recognized",
            figures.canaries_right,
            figures.canaries,
            config.min_canaries,
            least,
            FEW_CANARIES,
        )
    if figures.compared:
        yield _floor(
            "match",
            "captions nearer to their own frame",
            figures.matched,
            figures.compared,
            config.min_match,
            f"binding.min_match is {config.min_match:.0%}; 50% is chance",
            config.least,
        )


def _floor(key: str, figure: str, count: int, whole: int, limit: float, rule: str, few: int) -> Finding:
    """A share of which at least `limit` must pass; fewer than `few` observations are no evidence."""
    share = count / whole
    state: FindingState = "bad" if share < limit else "look" if share < (1 + limit) / 2 else "ok"
    if state == "bad" and whole < few:
        state, rule = "look", f"{rule}; fewer than {few} are no evidence"
    return Finding(key=key, figure=figure, value=f"{count:,} of {whole:,} ({share:.0%})", state=state, why=rule)


def _repeated(figures: RepeatCounts, config: BindingConfig) -> Iterator[Finding]:
    groups = (
        (
            "same_summary",
            "unlike videos with nearly the same summary",
            figures.same_summary,
            figures.same_summary > config.max_same_summaries * figures.videos,
            f"binding.max_same_summaries is {config.max_same_summaries:.0%} of the latest {figures.videos}",
        ),
        (
            "same_choice",
            "unlike videos with the same keyframes",
            figures.same_choice,
            figures.choice_chance < config.min_choice_chance,
            f"honest choices coincide like that with a chance of {figures.choice_chance:.1g}; "
            f"binding.min_choice_chance is {config.min_choice_chance:.1g}",
        ),
    )
    for key, figure, size, beyond, rule in groups:
        state: FindingState = "ok" if size < 2 else "bad" if beyond and size >= FEW_VIDEOS else "look"
        why = "no two of them" if size < 2 else rule
        yield Finding(key=key, figure=figure, value=f"{size if size > 1 else 0:,}", state=state, why=why)


def _ratio(ratio: Spread, config: CurateConfig) -> Finding:
    extract = config.extract
    mean, target = max(ratio.mean, 1e-9), max(extract.ratio_target, 1e-9)
    times = max(mean / target, target / mean)
    outside = not extract.ratio_min <= ratio.mean <= extract.ratio_max
    state: FindingState = "bad" if outside or times > FAR else "look" if times > OFF else "ok"
    how = f"{times:.1f} times {'over' if mean > target else 'under'}" if times > OFF else "near"
    bounds = f", outside {extract.ratio_min:g} to {extract.ratio_max:g}" if outside else ""
    published = "" if target == PUBLISHED_RATIO else f" (the published mean is {PUBLISHED_RATIO:g})"
    return Finding(
        key="ratio",
        figure="keyframes / sampled frames, mean",
        value=f"{ratio.mean:.2f}",
        state=state,
        why=f"{how} extract.ratio_target, {extract.ratio_target:g}{published}{bounds}",
    )


def _audited(audits: dict[str, Spread], config: AuditConfig) -> Iterator[Finding]:
    limits = {
        "grounding": ("min_grounding", config.min_grounding),
        "coverage": ("min_coverage", config.min_coverage),
        "redundancy": ("max_redundancy", config.max_redundancy),
        "unsupported": ("max_unsupported", config.max_unsupported),
        "support": ("review_below", config.review_below),
    }
    for name, spread in audits.items():
        if name == "support_pictures":
            state: FindingState = "bad" if spread.median <= CHANCE else "look" if spread.median < ABOVE_CHANCE else "ok"
            yield _score(name, spread, state, "0.5 is chance: a cited picture then says no more than another one")
        key, limit = limits.get(name, ("", None))
        if limit is None:
            continue
        low = GOOD[name] == "low"
        most, some = (
            value > limit if low else value < limit for value in (spread.median, spread.p95 if low else spread.p05)
        )
        state = "bad" if most else "look" if some else "ok"
        told = ("most samples are", "at least 5% of the samples are", "")[_ORDER.index(state)]
        rule = f"audit.{key} is {limit:g}"
        yield _score(name, spread, state, f"{told} {'above' if low else 'below'} it: {rule}" if told else rule)


def _score(name: str, spread: Spread, state: FindingState, why: str) -> Finding:
    figure = f"audit: {name.replace('_', ' ')}, median"
    return Finding(key=name, figure=figure, value=f"{spread.median:.2f}", state=state, why=why)
