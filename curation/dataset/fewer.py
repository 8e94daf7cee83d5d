"""Why samples of the last export are not in the next one. A sample without a reason stops the export."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from curation.status.standings import Standings
from schemas.errors import FewerSamples, FilesGone
from schemas.records import Rejection

_MOST_NAMED = 5
_WAY_OUT = "The last export stays as it is; --allow-fewer publishes the smaller one all the same"


class Gone(NamedTuple):
    """Samples of the last export that leave it: with a reason that the ledger has, and without one, each counted."""

    reasons: Mapping[str, int]
    unexplained: Mapping[str, int]


def gone(standings: Standings, before: Collection[str], now: Collection[str], coming: Collection[str] = ()) -> Gone:
    """Why the samples `before` are not among `now`, by reason.

    A rejection is a reason, whoever or whatever rejected the video. A sample that is due again, or that the ledger does
    not know, has none; but those of `coming`, which the run is about to make, are left out.
    """
    missing = set(before) - set(now)
    reasons: Counter[str] = Counter()
    unexplained: Counter[str] = Counter()
    known = set()
    for one in standings.walk(sorted(missing)) if missing else ():
        known.add(one.source.id)
        if one.why is not None:
            reasons[str(one.why)] += 1
        elif one.where.stage is not None and one.source.id not in coming:
            unexplained[f"due again at {one.where.stage}"] += 1
    if strangers := missing - known:
        unexplained["not in the ledger"] = len(strangers)
    return Gone(reasons, unexplained)


def raise_if_unexplained(found: Gone, before: int, now: int | None = None) -> None:
    """Raise FewerSamples when samples leave the export without a reason; `before` and `now` are its samples."""
    if not found.unexplained:
        return
    size = f"it would have {now} samples instead of {before}" if now is not None else f"it has {before} samples"
    ways = []
    if any(name.startswith("due again") for name in found.unexplained):
        ways.append(
            " Settings changed, or this version of the program makes them otherwise, or a run was not finished: "
            "`v2xum curate` with these videos among its sources, and without --limit, makes them again."
        )
    if "not in the ledger" in found.unexplained:
        ways.append(" The ledger may be an older, an empty or a damaged one.")
    raise FewerSamples(
        f"samples would leave the export without a reason ({size}): {counted(found.unexplained)}."
        f"{''.join(ways)} {_WAY_OUT}"
    )


def raise_if_unwritable(failed: Sequence[Rejection], before: Collection[str], out: Path) -> None:
    """Raise FilesGone when samples `before` of the export `out` cannot be written any more, which nobody decided.

    `failed` are the finished samples that cannot be written.
    """
    published = set(before)
    lost = [one for one in failed if one.id in published]
    if lost:
        named = "; ".join(f"{one.id}: {one.reason}, {one.evidence}" for one in lost[:_MOST_NAMED])
        raise FilesGone(
            f"{out} would lose {len(lost)} of its samples, whose files are lost or changed and cannot be made again "
            f"({named}). Run `v2xum curate` again when their sources are back. {_WAY_OUT}"
        )


def counted(reasons: Mapping[str, int]) -> str:
    """Reasons with their numbers, the most frequent first: `2 filter: too_short, 1 review: harmful`."""
    ordered = sorted(reasons.items(), key=lambda item: (-item[1], item[0]))
    return ", ".join(f"{number} {reason}" for reason, number in ordered)
