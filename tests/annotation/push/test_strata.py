"""The random stratum is unbiased and stable; all strata have the stated sizes; active samples are bad or rare ones."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotation.push.strata import Candidate, candidates, choose, position, random_stratum
from curation.ledger.ledger import Ledger
from curation.review.verdict_store import Reviews
from curation.status.view import LedgerView
from schemas.audit import GOOD, Audit, Redundancy
from schemas.configuration.config import AuditConfig
from schemas.configuration.review_config import ReviewConfig
from tests.curation.hashes import HASHES
from tests.curation.people import finish, verdict
from tests.curation.samples import make_sample

NAMES = st.sets(st.text("abcdef0123456789", min_size=1, max_size=6), max_size=40)
SCORES = st.dictionaries(st.sampled_from([*GOOD, "unknown"]), st.floats(0, 1), max_size=4)
POOLS = st.lists(
    st.builds(
        Candidate,
        st.text("abcdef0123456789", min_size=1, max_size=6),
        SCORES,
        st.lists(st.sampled_from(["Music", "Sports", "News"]), max_size=2).map(tuple),
        st.booleans(),
        st.booleans(),
    ),
    max_size=40,
    unique_by=lambda one: one.sample_id,
)
CONFIGS = st.builds(
    ReviewConfig,
    random=st.integers(0, 15),
    active=st.integers(0, 15),
    gold=st.integers(0, 5),
    overlap=st.floats(0, 1),
    annotators=st.integers(1, 3),
    seed=st.integers(0, 3),
)


@given(POOLS, CONFIGS, st.randoms())
def test_each_is_chosen_once_in_any_order_and_no_stratum_is_larger_than_said(pool, config, random):
    chosen = choose(pool, config)
    mixed = list(pool)
    random.shuffle(mixed)
    assert choose(iter(mixed), config) == chosen
    assert len({one.sample_id for one in chosen}) == len(chosen)
    sizes = Counter(one.stratum for one in chosen)
    known = {one.sample_id: one for one in pool}
    plain = [one for one in pool if not one.gold]
    drawn = random_stratum([one.sample_id for one in plain], config.random, config.seed)
    assert len(drawn) == min(config.random, len(plain))
    assert [one.sample_id for one in chosen if one.stratum == "random"] == [n for n in drawn if not known[n].disputed]
    assert {one.sample_id for one in chosen if one.stratum == "adjudication"} == {
        one.sample_id for one in plain if one.disputed
    }
    assert sizes["active"] <= config.active
    assert sizes["gold"] == min(config.gold, len(pool) - len(plain))
    assert all(known[one.sample_id].gold == (one.stratum == "gold") for one in chosen)
    assert all(one.overlap in (1, config.annotators) for one in chosen)


@given(NAMES, NAMES, st.integers(0, 20))
def test_more_samples_push_out_some_and_shuffle_none(before, more, size):
    old, new = random_stratum(before, size, 7), random_stratum(before | more, size, 7)
    kept = [name for name in old if name in new]
    assert [name for name in new if name in before] == kept == old[: len(kept)]
    assert len(set(old) - set(new)) <= len(more - before)


def test_the_random_stratum_is_unbiased_and_in_random_order():
    ids = [f"v{n:03d}" for n in range(40)]
    seeds = 4000
    drawn = [random_stratum(ids, 10, seed) for seed in range(seeds)]
    times = Counter(name for one in drawn for name in one)
    firsts = Counter(one[0] for one in drawn)
    pairs = Counter(("v000" in one, "v001" in one) for one in drawn)
    spread = 4.5 * np.sqrt(seeds * 0.25 * 0.75)
    assert all(abs(times[name] - seeds / 4) < spread for name in ids)
    assert all(abs(firsts[name] - seeds / 40) < 4.5 * np.sqrt(seeds / 40) for name in ids)
    assert abs(pairs[True, True] - seeds * (10 * 9) / (40 * 39)) < 4.5 * np.sqrt(seeds * 0.058)


def test_overlap_has_the_stated_share_and_is_independent_of_the_stratum():
    ids = [f"v{n}" for n in range(20_000)]
    chosen = choose([Candidate(name) for name in ids], ReviewConfig(random=4000, overlap=0.3, annotators=3))
    shares = [one.overlap == 3 for one in chosen]
    assert len(chosen) == 4000
    assert np.mean(shares) == pytest.approx(0.3, abs=0.03)
    assert np.mean([position(name, "a") for name in ids]) == pytest.approx(0.5, abs=0.01)
    assert abs(np.corrcoef(*([position(name, p) for name in ids] for p in ("a", "b")))[0, 1]) < 0.03


def test_active_ones_are_by_turns_the_worst_and_the_rarest():
    pool = [Candidate(f"v{n:02d}", {"grounding": n / 100, "redundancy": n / 100}, ("Music",)) for n in range(20)]
    pool += [
        Candidate("r1", {}, ("Music", "Falconry")),
        Candidate("r2", {"grounding": 0.5, "unknown": -9.0}, ("News",)),
    ]
    pool += [Candidate(f"n{n}", {}, ("News",)) for n in range(2)]
    chosen = [one.sample_id for one in choose(pool, ReviewConfig(random=0, active=6))]
    # v00: worst grounding; v19: worst redundancy (0.19 of 0..0.19). Falconry is there once, News three times.
    assert chosen[0::2][:2] == ["v00", "v19"]
    assert chosen[1::2] == ["r1", "n0", "n1"]
    assert choose(pool, ReviewConfig(random=0, active=0)) == []
    alike = [Candidate(name, {}, ("Music",)) for name in "ab"]
    assert choose(alike, ReviewConfig(random=0, active=5)) == []


def test_candidates_of_a_ledger(tmp_path: Path):
    ledger = Ledger(f"sqlite:///{tmp_path / 'l.sqlite'}")
    audit = Audit(mode="score-only", redundancy=Redundancy(sentences=0.25, pictures=0.5))
    made = [make_sample(f"v{n}", categories=("Music",)) for n in range(3)]
    for sample in made:
        finish(ledger, sample, audit=audit)
    ledger.register([make_sample("pending").source])
    votes = [verdict(made[1], "accept", "a"), verdict(made[1], "reject", "b"), verdict(made[2], "reject", "a")]
    Reviews(ledger).store(votes)
    found = list(candidates(LedgerView(ledger, HASHES, audit=AuditConfig(review_below=None))))
    scores = {"redundancy": 0.25, "redundancy_pictures": 0.5}
    assert found == [Candidate(f"v{n}", scores, ("Music",), disputed=n == 1) for n in range(3)]
    chosen = choose(found, ReviewConfig(random=2, active=2))
    assert {(one.sample_id, one.stratum) for one in chosen} >= {("v1", "adjudication")}
    assert len(chosen) == 3
    ledger.close()
