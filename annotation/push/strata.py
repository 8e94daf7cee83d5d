"""Which samples people judge: an unbiased random stratum, an active one, disputed ones, and gold questions.

The random stratum is the `random` candidates whose keyed hash of the id is smallest ("bottom-k" sampling: E. Cohen,
"Size-estimation framework with applications to transitive closure and reachability", 1997): every set of that size is
equally likely, and a new candidate can push out one of them at most, never reshuffle the others. It comes in the order
of the hash, so that the part that is judged already is itself a random sample.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_left
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import zip_longest
from typing import NamedTuple

from curation.review.applied import AppliedVerdicts
from curation.status.standings import finished_ids
from curation.status.view import LedgerView
from schemas.audit import GOOD, Audit
from schemas.records import Video
from schemas.review import Stratum
from schemas.review_config import ReviewConfig

_CHUNK = 500


class Candidate(NamedTuple):
    """A sample that could be judged: its audit scores (names of schemas.audit.GOOD) and the publisher's categories."""

    sample_id: str
    scores: Mapping[str, float] = {}
    categories: tuple[str, ...] = ()
    disputed: bool = False
    gold: bool = False


class Chosen(NamedTuple):
    """A sample to be judged, why, and by how many people."""

    sample_id: str
    stratum: Stratum
    overlap: int


def candidates(view: LedgerView, disputed: Collection[str] | None = None) -> Iterator[Candidate]:
    """Every finished sample, those included that people rejected: leaving them out would bias the random stratum.

    `disputed`: the ids of those that people dispute, where they are known already.
    """
    ledger = view.ledger
    ids = finished_ids(view)
    people = AppliedVerdicts(ledger, view.rules)
    for start in range(0, len(ids), _CHUNK):
        chunk = ids[start : start + _CHUNK]
        open_ones = people.disputed(chunk) if disputed is None else disputed
        scores: dict[str, dict[str, float]] = {}
        categories: dict[str, tuple[str, ...]] = {}
        for video_id, stage, payload in ledger.payloads(chunk, ("audit", "download")):
            if stage == "audit":
                scores[video_id] = Audit.model_validate_json(payload).scores()
            else:
                categories[video_id] = Video.model_validate_json(payload).publication.categories
        for name in chunk:
            yield Candidate(name, scores.get(name, {}), categories.get(name, ()), name in open_ones)


def choose(candidates: Iterable[Candidate], config: ReviewConfig, seed: int | None = None) -> list[Chosen]:
    """The samples to judge: random ones, disputed ones for an adjudicator, active ones, gold questions; each id once.

    `seed` (left out: the configuration's) and the ids alone decide the random stratum, the overlap and the gold
    questions; the order of the candidates decides nothing. A disputed sample of the random stratum is named there only
    as `adjudication`: its first verdicts are stored under `random` already. Active ones are by turns the worst audit
    (its rank among all candidates, of the score by which it is worst) and the rarest category. Gold candidates are in
    no other stratum.
    """
    seed = config.seed if seed is None else seed
    known = {one.sample_id: one for one in candidates}
    plain = sorted(name for name, one in known.items() if not one.gold)
    drawn = random_stratum(plain, config.random, seed)
    disputed = [name for name in plain if known[name].disputed]
    taken = {*drawn, *disputed}
    rest = [known[name] for name in plain if name not in taken]
    turns = zip_longest(_worst(rest, [known[name] for name in plain]), _rarest(rest, [known[n] for n in plain]))
    active = list(dict.fromkeys(name for turn in turns for name in turn if name is not None))[: config.active]
    golden = _drawn((name for name, one in known.items() if one.gold), config.gold, f"gold {seed}")

    def people(name: str) -> int:
        return config.annotators if position(name, f"overlap {seed}") < config.overlap else 1

    aside = set(disputed)
    return [
        *(Chosen(name, "random", people(name)) for name in drawn if name not in aside),
        *(Chosen(name, "adjudication", 1) for name in disputed),
        *(Chosen(name, "active", people(name)) for name in active),
        *(Chosen(name, "gold", config.annotators) for name in golden),
    ]


def random_stratum(ids: Iterable[str], size: int, seed: int) -> list[str]:
    """The ids of an unbiased random sample of the given size, in random order; fewer where there are fewer."""
    return _drawn(ids, size, f"random {seed}")


def position(name: str, purpose: str) -> float:
    """Where a keyed hash puts an id in [0, 1): uniform, and independent for every purpose."""
    digest = hashlib.sha256(f"v2xum review 1\n{purpose}\n{name}".encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64


def _drawn(ids: Iterable[str], size: int, purpose: str) -> list[str]:
    return sorted(set(ids), key=lambda name: (position(name, purpose), name))[:size]


def _worst(rest: Sequence[Candidate], everyone: Sequence[Candidate]) -> Iterator[str]:
    """Ids with audits, worst first: the share of all candidates that are worse by the score by which one is worst."""
    columns: dict[str, list[float]] = {}
    for one in everyone:
        for name, badness in _badness(one):
            columns.setdefault(name, []).append(-badness)
    for column in columns.values():
        column.sort()

    def rank(one: Candidate) -> float:
        return min(bisect_left(columns[name], -bad) / len(columns[name]) for name, bad in _badness(one))

    audited = [one for one in rest if any(True for _ in _badness(one))]
    yield from (one.sample_id for one in sorted(audited, key=lambda one: (rank(one), one.sample_id)))


def _badness(one: Candidate) -> Iterator[tuple[str, float]]:
    for name, value in one.scores.items():
        if name in GOOD:
            yield name, value if GOOD[name] == "low" else -value


def _rarest(rest: Sequence[Candidate], everyone: Sequence[Candidate]) -> Iterator[str]:
    """Ids with categories, rarest category first; where there are fewer than two categories none is rare."""
    counts = Counter(category for one in everyone for category in set(one.categories))
    if len(counts) < 2:
        return
    known = [one for one in rest if one.categories]
    rarity = {one.sample_id: min(counts[category] for category in one.categories) for one in known}
    yield from sorted(rarity, key=lambda name: (rarity[name], name))
