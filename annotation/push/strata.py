"""Chooses the samples that people judge: an unbiased random stratum, an active one, disputed ones, and gold questions.

The random stratum consists of the candidates whose keyed hashes of the id are smallest ("bottom-k" sampling: E. Cohen,
"Size-estimation framework with applications to transitive closure and reachability", 1997). Every set of that size is
equally likely. A new candidate pushes out one sample at most and never reorders the others. The stratum is in the order
of the hashes, so that the part that is judged at any time is itself a random sample.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import zip_longest
from typing import NamedTuple

from curation.review.applied import AppliedVerdicts
from curation.status.ranks import OF_STAGES, ranks, scores_of
from curation.status.standings import Standings
from curation.status.view import LedgerView
from schemas.configuration.review_config import ReviewConfig
from schemas.records import Video
from schemas.review import Stratum

_CHUNK = 500


class Candidate(NamedTuple):
    """A sample that people could judge.

    `scores`: those of its audit and the agreement of several annotators, by names of curation.status.ranks.RANKED;
    `categories`: the publisher's; `disputed`: verdicts
    contradict each other; `awaiting`: it is not published until people accept it; `gold`: it is a gold question.
    """

    sample_id: str
    scores: Mapping[str, float] = {}
    categories: tuple[str, ...] = ()
    disputed: bool = False
    gold: bool = False
    awaiting: bool = False


class Chosen(NamedTuple):
    """A sample to judge, the stratum that it was chosen for, and by how many people (`overlap`)."""

    sample_id: str
    stratum: Stratum
    overlap: int


def candidates(view: LedgerView, disputed: Collection[str] | None = None) -> Iterator[Candidate]:
    """Every finished sample, also those that people rejected: without them the random stratum would be biased.

    Those that wait for people because of their audit are among them; those that the audit refused are not.

    `disputed`: the ids of disputed samples, when the caller knows them; None: they are read from the verdicts.
    """
    ledger = view.ledger
    standings = Standings(view)
    ids, awaiting = standings.judgeable(), standings.gate.awaiting()
    verdicts = AppliedVerdicts(ledger, view.rules, view.hashes.on)
    for start in range(0, len(ids), _CHUNK):
        chunk = ids[start : start + _CHUNK]
        unsettled = verdicts.disputed(chunk) if disputed is None else disputed
        scores: dict[str, dict[str, float]] = {}
        categories: dict[str, tuple[str, ...]] = {}
        for video_id, stage, payload in ledger.payloads(chunk, (*OF_STAGES, "download")):
            if stage in OF_STAGES:
                scores.setdefault(video_id, {}).update(scores_of(stage, payload))
            else:
                categories[video_id] = Video.model_validate_json(payload).publication.categories
        for name in chunk:
            waits = name in awaiting
            yield Candidate(name, scores.get(name, {}), categories.get(name, ()), name in unsettled, awaiting=waits)


def unwanted(view: LedgerView, ids: Sequence[str]) -> set[str]:
    """Those of these videos that are out and that people may not judge: who opted out, for example.

    Not among them are videos that wait for a stage, and ids that the ledger does not know, as those of gold questions.
    """
    standings = Standings(view)
    out = {one.source.id for one in standings.walk(ids) if one.why is not None}
    return out - standings.people.found.keys() - standings.gate.awaiting()


def choose(candidates: Iterable[Candidate], config: ReviewConfig) -> list[Chosen]:
    """The samples to judge, each id once: random, disputed (for an adjudicator), active, and gold, in this order.

    The ids and the configuration's seed alone decide the random stratum, the overlap and the gold questions;
    the order of the candidates changes nothing. A disputed sample of the random stratum is returned only as
    `adjudication`, because its first verdicts are stored under `random` already. The active stratum takes the samples
    that wait for people first, the least supported before the others; then by turns the sample with the worst scores
    and the sample with the rarest category. A sample is as bad as its worst score, measured by that score's rank
    among all candidates. Gold candidates are in no other stratum.
    """
    seed = config.seed
    known = {candidate.sample_id: candidate for candidate in candidates}
    plain = sorted(name for name, candidate in known.items() if not candidate.gold)
    drawn = random_stratum(plain, config.random, seed)
    disputed = [name for name in plain if known[name].disputed]
    taken = {*drawn, *disputed}
    rest = [known[name] for name in plain if name not in taken]
    turns = zip_longest(_worst(rest, [known[name] for name in plain]), _rarest(rest, [known[n] for n in plain]))
    waiting = sorted((c for c in rest if c.awaiting), key=lambda c: (c.scores.get("support", 0.0), c.sample_id))
    ordered = [*(c.sample_id for c in waiting), *(name for turn in turns for name in turn if name is not None)]
    active = list(dict.fromkeys(ordered))[: config.active]
    golden = _drawn((name for name, candidate in known.items() if candidate.gold), config.gold, f"gold {seed}")

    def people(name: str) -> int:
        return config.annotators if position(name, f"overlap {seed}") < config.overlap else 1

    adjudicated = set(disputed)
    return [
        *(Chosen(name, "random", people(name)) for name in drawn if name not in adjudicated),
        *(Chosen(name, "adjudication", 1) for name in disputed),
        *(Chosen(name, "active", people(name)) for name in active),
        *(Chosen(name, "gold", config.annotators) for name in golden),
    ]


def random_stratum(ids: Iterable[str], size: int, seed: int) -> list[str]:
    """The ids of an unbiased random sample of this size, in random order; all ids when there are fewer."""
    return _drawn(ids, size, f"random {seed}")


def position(name: str, purpose: str) -> float:
    """A number in [0, 1) from a keyed hash of the id: uniform, and independent between purposes."""
    digest = hashlib.sha256(f"v2xum review 1\n{purpose}\n{name}".encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64


def _drawn(ids: Iterable[str], size: int, purpose: str) -> list[str]:
    return sorted(set(ids), key=lambda name: (position(name, purpose), name))[:size]


def _worst(rest: Sequence[Candidate], everyone: Sequence[Candidate]) -> Iterator[str]:
    """Ids with scores, worst first.

    A sample's rank is the share of all candidates that are worse, by the score for which this share is smallest.
    """
    found = ranks({candidate.sample_id: candidate.scores for candidate in everyone})
    audited = [candidate.sample_id for candidate in rest if candidate.sample_id in found]
    yield from sorted(audited, key=lambda name: (found[name].share, name))


def _rarest(rest: Sequence[Candidate], everyone: Sequence[Candidate]) -> Iterator[str]:
    """Ids with categories, rarest category first; none when all candidates together have fewer than two categories."""
    counts = Counter(category for candidate in everyone for category in set(candidate.categories))
    if len(counts) < 2:
        return
    known = [candidate for candidate in rest if candidate.categories]
    rarity = {candidate.sample_id: min(counts[category] for category in candidate.categories) for candidate in known}
    yield from sorted(rarity, key=lambda name: (rarity[name], name))
