"""Why a video is in one release and not in the other, from what the other one says of it.

A video that is out has a row in `rejections` (or, where its source is gone, in `tombstones`), and an unfinished one is
in `lineage` only. `lineage` also tells the first stage at which the video took another way; without it only the reason
of the rejection is known.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from curation.ledger.stages import EXPORT, SOURCE, STAGES
from curation.release.diff.states import Pair, causes_of_stage, limits_that_differ, once
from curation.sources.opt_outs import REASON as OPTED_OUT
from curation.status.gate import AWAITS_REVIEW
from schemas.documents.release_diff import Cause, CauseName
from schemas.safe_text import plain

_LOST = frozenset({"file_missing", "file_damaged", "image_missing", "image_changed"})
_LIMITED = frozenset({"too_large", "wall_time", "page_too_large", "cpu_time", "memory", "too_many_frames"})
_LONGEST = 300


class Place(NamedTuple):
    """What a release says of a video that it does not publish; all None when it does not name it.

    `knows_all`: the release has `lineage`, so a video that is not in it was never named.
    """

    rejection: Mapping[str, Any] | None = None
    tombstone: Mapping[str, Any] | None = None
    lineage: Mapping[str, Any] | None = None
    knows_all: bool = False


class Published(NamedTuple):
    """What a release says of the same video where it publishes it: its line in `lineage`, and its review status."""

    lineage: Mapping[str, Any] | None = None
    status: str | None = None


def causes_of_leaving(out: Place, published: Published, states: Pair) -> tuple[Cause, ...]:
    """Why a row of the first release is not in the second, which says `out`. `states` are of (first, second)."""
    return _causes(out, published, states, came=False)


def causes_of_coming(out: Place, published: Published, states: Pair) -> tuple[Cause, ...]:
    """Why a row of the second release is not in the first, which says `out`. `states` are of (first, second)."""
    return _causes(out, published, states, came=True)


def _causes(out: Place, published: Published, states: Pair, *, came: bool) -> tuple[Cause, ...]:
    if out.tombstone is not None:
        found = [_of_tombstone(out.tombstone, came)]
    elif out.rejection is not None:
        found = _of_rejection(out, published, states, came)
    elif out.lineage is not None:
        due = out.lineage.get("due")
        found = [*_roots(out, published, states), _cause("unfinished", due, "its results were not finished")]
    elif out.knows_all and came:
        found = [_cause("new source", None, "no list had named it")]
    else:
        found = [_cause("unknown", None, "the other release does not name it")]
    return once(found)


def _of_tombstone(tombstone: Mapping[str, Any], came: bool) -> Cause:
    words = [str(tombstone[key]) for key in ("reason", "date") if tombstone.get(key) is not None]
    reason = str(tombstone.get("reason"))
    kind: CauseName = "source changed" if reason.startswith("licence") else "source back" if came else "source gone"
    return _cause("opt-out" if reason == OPTED_OUT else kind, "download", ", ".join(words))


def _of_rejection(out: Place, published: Published, states: Pair, came: bool) -> list[Cause]:
    rejection = out.rejection or {}
    stage, reason, kind = (str(rejection.get(name)) for name in ("stage", "reason", "error_class"))
    told = f"{reason}: {rejection['evidence']}" if rejection.get("evidence") else reason
    roots = _roots(out, published, states)
    if stage == "review":
        return [*roots, _cause("person", stage, told)]
    if reason == OPTED_OUT:
        return [_cause("opt-out", stage, told)]
    if reason == "duplicate":
        return [_cause("duplicate", stage, told)]
    if stage == "audit":
        judged = came and reason == AWAITS_REVIEW and published.status in ("accepted", "fixed")
        return [*roots, _cause("person" if judged else "filter", stage, told)]
    if stage == "filter" or kind == "refused":
        return [*roots, _cause("filter", stage, told)]
    if reason in _LOST or stage == EXPORT:
        return [_cause("files lost" if reason in _LOST else "unknown", stage, told)]
    if (limits := limits_that_differ(stage, states)) and (reason in _LIMITED or stage not in ("download", SOURCE)):
        return [*roots, _cause("filter", stage, f"{told} ({limits})")]
    if stage in ("download", SOURCE):
        return [_cause(_of_source(kind, came), stage, told)]
    own = causes_of_stage(stage, states) if stage in (one.name for one in STAGES.every) else []
    known = [*roots, *own]
    if not known:
        return [_cause("unknown", stage, told)]
    last = known[-1]
    return [*known[:-1], _cause(last.cause, last.stage, f"{last.detail}; {told}")]


def _of_source(kind: str, came: bool) -> CauseName:
    if kind == "poison":
        return "unknown"
    if came:
        return "source back"
    return "source unreachable" if kind == "transient" else "source gone"


def _roots(out: Place, published: Published, states: Pair) -> list[Cause]:
    """What differs at the first stage at which the video took another way; nothing where that is not known.

    Results that are equal up to the stage at which it is out leave nothing to name: the rejection says why.
    """
    mine, other = published.lineage, out.lineage
    if mine is None or other is None:
        return []
    for stage in (one.name for one in STAGES if one.published):  # no later result depends on a check
        first, second = mine.get(stage), other.get(stage)
        if second is None:
            break  # it is out here
        if first != second and first is not None:
            changed = causes_of_stage(stage, states)
            if not changed and stage == "download":
                return [_cause("source changed", stage, "another file, or other statements of its publisher")]
            return changed
    due = other.get("due")
    return causes_of_stage(due, states) if due in STAGES.names else []


def _cause(cause: CauseName, stage: str | None, detail: str) -> Cause:
    return Cause(cause=cause, stage=stage, detail=plain(detail, _LONGEST))
