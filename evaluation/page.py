"""The report of an evaluation: one HTML file that asks nothing of any network and runs no script.

Every text goes through `plain_line` (no control or direction characters) and is escaped; what may not be escaped is
made here: style, policy and pictures. The policy allows pictures inside the page and this style, named by its hash.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import io
import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from PIL import Image

from curation.gallery import cut
from curation.publishable import plain_line
from curation.sheet import clock
from evaluation import curves
from evaluation.cases import Flags, Prediction, Reference
from evaluation.crossmodal import reference_frames
from evaluation.markdown import provenance_rows
from evaluation.tables import (
    COMPARISON_HEADERS,
    COUNTED,
    KINDS,
    caption,
    comparison_caption,
    comparison_rows,
    exclusions_of,
    label,
    minus,
    number,
    tables_of,
)
from schemas.comparison import Comparison
from schemas.evaluation import Evaluation, VideoValues

WORST, BEST = 12, 6
_FOLDER = Path(__file__).resolve().parent.parent / "data" / "report"
_SOURCES = {
    "scores": "as the system gave it",
    "token_probabilities": "from the probabilities of its slot tokens",
    "selection": "from its selection alone",
}
_PICTURE = re.compile(r"data:image/jpeg;base64,[A-Za-z0-9+/=]*")
_UNREADABLE = (OSError, ValueError, SyntaxError, Image.DecompressionBombError)
_THUMB = (128, 128)
_MOST_PICTURES, _MOST_PROBLEMS, _MOST_EXCLUSIONS, _MOST_TEXTS = 6, 200, 60, 2
_LONGEST_TITLE, _LONGEST_TEXT = 160, 900


class Case(NamedTuple):
    """One video of one system with everything to look at; the evaluation's document holds neither frames nor texts."""

    reference: Reference
    prediction: Prediction
    values: VideoValues


class Shot(NamedTuple):
    """A keyframe: its time, who chose it, and a JPEG as a data URI, empty where there is no picture."""

    time: str
    note: str
    image: str


class Card(NamedTuple):
    """What the page shows of a case."""

    title: str
    id: str
    badge: str
    failure: str
    values: tuple[tuple[str, str, str], ...]
    curve: curves.Curve | None
    source: str
    theirs: tuple[Shot, ...]
    own: tuple[Shot, ...]
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
) -> str:
    """The page as text: about 60 kB, and up to 60 kB a case with pictures.

    `cases` are videos of the system named `system`; those with the lowest values of the metric `by` (the first that any
    case has, when None) come first, failures before all, then `best` of the highest. Raises ValueError for a metric
    that no case names.
    """
    css = _asset("report.css") + _asset("evaluation.css")
    metric, shown_worst, shown_best = chosen_cases(cases, by, worst, best)
    excluded = exclusions_of(evaluation)
    problems = evaluation.problems
    return _environment().get_template("evaluation.html.jinja").render(
        e=evaluation,
        p=evaluation.provenance,
        policy=Markup(_policy(css)),  # noqa: S704 - made here, from a hash alone
        css=Markup(css),  # noqa: S704 - files of this repository
        videos=max((len(row.videos) for row in evaluation.systems), default=0),
        systems=sum(row.kind == "system" for row in evaluation.systems),
        baselines=any(row.kind != "system" for row in evaluation.systems),
        failed=sum(problem.counted == "worst" for problem in problems),
        left_out=sum(problem.counted == "left_out" for problem in problems),
        tables=tables_of(evaluation),
        caption=caption(evaluation),
        kinds=KINDS,
        counted=COUNTED,
        excluded=excluded[:_MOST_EXCLUSIONS],
        more_excluded=max(len(excluded) - _MOST_EXCLUSIONS, 0),
        problems=problems[:_MOST_PROBLEMS],
        more_problems=max(len(problems) - _MOST_PROBLEMS, 0),
        spreads=curves.spreads(evaluation.systems),
        comparisons=[(one, comparison_rows(one.metrics), comparison_caption(one)) for one in comparisons],
        comparison_headers=COMPARISON_HEADERS,
        metric=label(metric) if metric else "",
        cases=len(cases),
        case_system=system,
        groups=[
            ("Worst", [_card(case, metric) for case in shown_worst]),
            ("Best", [_card(case, metric) for case in shown_best]),
        ],
        provenance=provenance_rows(evaluation),
    )  # fmt: skip


class Chosen(NamedTuple):
    """The cases to show by a metric (None: no case has one): the worst first, then the best, best first."""

    metric: str | None
    worst: list[Case]
    best: list[Case]


def chosen_cases(cases: Sequence[Case], by: str | None = None, worst: int = WORST, best: int = BEST) -> Chosen:
    """What the page shows of so many cases: failures before all. Raises ValueError for a metric that no case names."""
    names = list(dict.fromkeys(name for case in cases for name in case.values.values))
    if by is not None and cases and by not in names:
        raise ValueError(f"no case has the metric {by!r}; there are {', '.join(names)}")
    metric = by or next((n for n in names if any(case.values.values.get(n) is not None for case in cases)), None)
    if metric is None:
        return Chosen(None, list(cases[:worst]), [])

    def key(case: Case) -> tuple[bool, float, str]:
        value = case.values.values.get(metric)
        return case.values.failure is None, math.inf if value is None else value, case.values.id

    ordered = sorted(cases, key=key)
    rest = [case for case in ordered[worst:] if case.values.values.get(metric) is not None]
    return Chosen(metric, ordered[:worst], rest[::-1][:best])


def _card(case: Case, metric: str | None) -> Card:
    reference, prediction, values = case
    votes = [row for row in reference_frames(reference) if len(row) == reference.frames]
    badge = values.values.get(metric) if metric else None
    return Card(
        title=cut(reference.title or reference.id, _LONGEST_TITLE),
        id=cut(reference.id, _LONGEST_TITLE),
        badge="failed" if values.failure else f"{label(metric)} {minus(number(badge))}" if metric else "",
        failure=plain_line(values.failure or ""),
        values=tuple(
            (label(name), minus(number(value)), plain_line(values.undefined.get(name, "")))
            for name, value in values.values.items()
        ),
        curve=curves.curve(reference, prediction),
        source=_SOURCES.get(values.score_source or "", ""),
        theirs=_keyframes(reference, votes),
        own=() if prediction.selected is None else _keyframes(reference, [prediction.selected]),
        reference_texts=tuple(cut(text, _LONGEST_TEXT) for text in reference.texts[:_MOST_TEXTS]),
        text=None if prediction.text is None else cut(prediction.text, _LONGEST_TEXT),
    )


def _keyframes(reference: Reference, masks: Sequence[Flags]) -> tuple[Shot, ...]:
    """The frames that most of them chose, spread over the video, in the order of time."""
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
        Shot(
            clock(frame / reference.fps),
            f"{votes[frame]} of {len(masks)}" if len(masks) > 1 else "",
            _thumbnail(reference.pictures.get(frame)),
        )
        for frame in sorted(taken)
    )


def _thumbnail(picture: bytes | None) -> str:
    if picture is None:
        return ""
    try:
        with Image.open(io.BytesIO(picture)) as image:
            small = image.convert("RGB")
        small.thumbnail(_THUMB)
    except _UNREADABLE:
        return ""
    store = io.BytesIO()
    small.save(store, "JPEG", quality=80)
    return "data:image/jpeg;base64," + base64.b64encode(store.getvalue()).decode("ascii")


def _policy(css: str) -> str:
    """The content security policy: pictures inside the page and this style, nothing else."""
    style = base64.b64encode(hashlib.sha256(css.encode()).digest()).decode()
    return f"default-src 'none'; img-src data:; style-src 'sha256-{style}'; base-uri 'none'; form-action 'none'"


@functools.cache
def _asset(name: str) -> str:
    return (_FOLDER / name).read_text(encoding="utf-8")


@functools.cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_finalize,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "thousands": lambda value: f"{value:,}",
        "picture": _picture,
        "clip": lambda t: cut(t, 200),
        "minus": minus,
    }
    return environment


def _finalize(value: object) -> object:
    """What a template prints: text of ours as it is, any other text without control characters (then escaped)."""
    return plain_line(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _picture(uri: str) -> Markup:
    """A data URI of a JPEG, unescaped; raises ValueError for anything else."""
    if not _PICTURE.fullmatch(uri):
        raise ValueError("not a JPEG as a data URI")
    return Markup(uri)  # noqa: S704 - base64 alone
