"""The page of an evaluation: one HTML file that loads nothing from a network and runs no script."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import NamedTuple

from jinja2 import Template

from evaluation.cases import Case, Flags, Reference
from evaluation.counted import failed_predictions
from evaluation.metrics.crossmodal import reference_frames
from evaluation.protocols import Protocol, get
from evaluation.report import curves
from evaluation.report.captions import caption, comparison_caption
from evaluation.report.markdown import provenance_rows
from evaluation.report.summaries import shown_summary, summary_on_grid
from evaluation.report.tables import (
    COMPARISON_HEADERS,
    COUNTED,
    KINDS,
    comparison_rows,
    exclusions_of,
    label,
    minus,
    number,
    problems_of,
    tables_of,
)
from pages.plots import Plot
from pages.templates import asset, load_template, policy, trusted
from pages.thumbnails import cut, thumbnail
from schemas.documents.comparison import Comparison
from schemas.documents.evaluation import Evaluation
from schemas.errors import ConfigError
from schemas.safe_text import plain_line
from schemas.time import clock

WORST, BEST = 12, 6
_SOURCES = {
    "scores": "as the system gave it",
    "token_probabilities": "from the probabilities of its slot tokens",
    "selection": "from its selection alone",
}
_THUMB = 128
_MOST_PICTURES, _MOST_PROBLEMS, _MOST_EXCLUSIONS, _MOST_TEXTS = 6, 200, 60, 2
_LONGEST_TITLE, _LONGEST_TEXT = 160, 900


class Keyframe(NamedTuple):
    """A keyframe: its time, how many chose it, and a JPEG as a data URI, which is empty where there is no picture."""

    time: str
    note: str
    image: str


class Card(NamedTuple):
    """A case as the page shows it. `source`: where its scores come from; `origin`: where its summary comes from."""

    title: str
    id: str
    badge: str
    failure: str
    values: tuple[tuple[str, str, str], ...]
    curve: curves.Curve | None
    source: str
    origin: str
    theirs: tuple[Keyframe, ...]
    own: tuple[Keyframe, ...]
    reference_texts: tuple[str, ...]
    text: str | None


def render_page(
    evaluation: Evaluation,
    cases: Sequence[Case] = (),
    *,
    system: str = "",
    by: str | None = None,
    worst: int = WORST,
    best: int = BEST,
    comparisons: Sequence[Comparison] = (),
    plots: Sequence[Plot] = (),
) -> str:
    """The page as text: about 60 kB, and up to 60 kB more for each case with pictures.

    `cases`: videos of the system named `system`. The page shows `worst` of them with the lowest values of the metric
    `by`, failures before all others, and then `best` with the highest values. `by=None` takes the first metric that a
    case has. `plots` are of a training. Raises ConfigError for a metric that no case has, and an unknown protocol.
    """
    css = asset("report.css") + asset("evaluation.css")
    metric, shown_worst, shown_best = chosen_cases(cases, by, worst, best)
    excluded = exclusions_of(evaluation)
    problems = problems_of(evaluation)
    protocol = get(evaluation.provenance.protocol)
    tables = tables_of(evaluation)
    return _template().render(
        e=evaluation,
        p=evaluation.provenance,
        policy=policy(css),
        css=trusted(css),
        videos=max((len(row.videos) for row in evaluation.systems), default=0),
        systems=sum(row.kind == "system" for row in evaluation.systems),
        baselines=any(row.kind != "system" for row in evaluation.systems),
        failed=failed_predictions(evaluation),
        left_out=sum(problem.counted == "left_out" for problem in problems),
        tables=tables,
        ranked=any(cell.best for table in tables for row in table.systems for cell in row.cells),
        caption=caption(evaluation),
        kinds=KINDS,
        counted=COUNTED,
        excluded=excluded[:_MOST_EXCLUSIONS],
        more_excluded=max(len(excluded) - _MOST_EXCLUSIONS, 0),
        problems=problems[:_MOST_PROBLEMS],
        more_problems=max(len(problems) - _MOST_PROBLEMS, 0),
        spreads=curves.spreads(evaluation.systems),
        comparisons=[  # of metrics without a value the caption says why
            (each, comparison_rows(m for m in each.metrics if m.reason is None), comparison_caption(each))
            for each in comparisons
        ],
        comparison_headers=COMPARISON_HEADERS,
        plots=plots,
        metric=label(metric) if metric else "",
        cases=len(cases),
        case_system=system,
        groups=[
            ("Worst", [_card(protocol, case, metric) for case in shown_worst]),
            ("Best", [_card(protocol, case, metric) for case in shown_best]),
        ],
        provenance=provenance_rows(evaluation),
    )  # fmt: skip


class Chosen(NamedTuple):
    """The cases to show: the worst by `metric`, worst first, and the best, best first. None: no case has a metric."""

    metric: str | None
    worst: list[Case]
    best: list[Case]


def chosen_cases(cases: Sequence[Case], by: str | None = None, worst: int = WORST, best: int = BEST) -> Chosen:
    """Choose the cases that the page shows; failures are worst. Raises ConfigError for a metric that no case has."""
    names = list(dict.fromkeys(name for case in cases for name in case.values.values))
    if by is not None and cases and by not in names:
        raise ConfigError(f"--by: no case has the metric {by!r}; there are {', '.join(names)}")
    metric = by or next((n for n in names if any(case.values.values.get(n) is not None for case in cases)), None)
    if metric is None:
        return Chosen(None, list(cases[:worst]), [])

    def key(case: Case) -> tuple[bool, float, str]:
        value = case.values.values.get(metric)
        return case.values.failure is None, math.inf if value is None else value, case.values.id

    ordered = sorted(cases, key=key)
    rest = [case for case in ordered[worst:] if case.values.values.get(metric) is not None]
    return Chosen(metric, ordered[:worst], rest[::-1][:best])


def _card(protocol: Protocol, case: Case, metric: str | None) -> Card:
    reference, prediction, values = case
    summary, on_grid = shown_summary(protocol, case), summary_on_grid(protocol, case)
    votes = [row for row in reference_frames(reference) if len(row) == reference.frames]
    badge = values.values.get(metric) if metric else None
    return Card(
        title=cut(reference.title or reference.id, _LONGEST_TITLE),
        id=cut(reference.id, _LONGEST_TITLE),
        badge="failed" if values.failure else f"{label(metric)} {minus(number(badge))}" if metric else "",
        failure=plain_line(values.failure or ""),
        values=tuple(
            (label(name), minus(number(value)), plain_line(values.undefined.get(name) or values.as_worst.get(name, "")))
            for name, value in values.values.items()
        ),
        curve=curves.curve(reference, prediction, summary),
        source=_SOURCES.get(values.score_source or "", ""),
        origin=plain_line(summary.origin),
        theirs=_keyframes(reference, votes),
        own=() if on_grid is None else _keyframes(reference, [on_grid]),
        reference_texts=tuple(cut(text, _LONGEST_TEXT) for text in reference.texts[:_MOST_TEXTS]),
        text=None if prediction.text is None else cut(prediction.text, _LONGEST_TEXT),
    )


def _keyframes(reference: Reference, masks: Sequence[Flags]) -> tuple[Keyframe, ...]:
    """The frames that most of the masks chose, spread over the video, in the order of time."""
    if not masks or not any(mask.any() for mask in masks):
        return ()
    votes: dict[int, int] = {}
    for mask in masks:
        for frame in mask.nonzero()[0].tolist():
            votes[frame] = votes.get(frame, 0) + 1
    taken: list[int] = []
    apart = max(1, reference.frames // (2 * _MOST_PICTURES))
    ranked = sorted(votes, key=lambda frame: (-votes[frame], frame))
    for least in (apart, 1):
        for frame in ranked:
            if len(taken) < _MOST_PICTURES and all(abs(frame - other) >= least for other in taken):
                taken.append(frame)
    return tuple(
        Keyframe(
            clock(frame / reference.fps),
            f"{votes[frame]} of {len(masks)}" if len(masks) > 1 else "",
            thumbnail(lambda frame=frame: reference.pictures.get(frame, b""), _THUMB),  # type: ignore[misc]
        )
        for frame in sorted(taken)
    )


@functools.cache
def _template() -> Template:
    return load_template("evaluation.html.jinja", {"clip": lambda text: cut(text, 200), "minus": minus})
