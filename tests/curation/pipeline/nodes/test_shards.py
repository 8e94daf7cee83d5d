"""Shards for nodes: every video is given until it was carried, and the last shards are small."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.pipeline.nodes.shards import Shards
from curation.pipeline.nodes.spec import NodeShard
from schemas.errors import MachineTrouble


@given(st.integers(0, 60), st.integers(1, 9), st.integers(1, 5), st.integers(0, 10_000))
def test_every_video_is_carried_once_whatever_is_lost(videos: int, size: int, places: int, seed: int) -> None:
    rng = random.Random(seed)
    ids = [f"v{number:03d}" for number in range(videos)]
    shards, flying, carried, losses = Shards(size), [], [], {}
    to_feed = list(ids)
    while to_feed or shards.open:
        count = rng.randint(0, 7)
        shards.add(to_feed[:count])
        to_feed = to_feed[count:]
        if len(flying) < places and (shard := shards.next(places, len(to_feed))) is not None:
            assert 1 <= len(shard.ids) <= size
            flying.append(shard)
        elif flying:
            shard = flying.pop(rng.randrange(len(flying)))
            if rng.random() < 0.3 and losses.get(shard.number, 0) < 4:
                losses[shard.number] = losses.get(shard.number, 0) + 1
                shards.lost(shard.number, "its node died")
            else:
                assert shards.done(shard.number) == len(shard.ids)
                carried += shard.ids
    assert sorted(carried) == ids
    assert shards.waiting == 0 and shards.next(places) is None


def test_a_lost_shard_comes_first_and_keeps_its_number() -> None:
    """Its number is its claim's: a node that still works on it, and the next one, exclude each other."""
    shards = Shards(4)
    shards.add("abcdefgh")
    first = shards.next(1)
    assert first is not None
    shards.lost(first.number, "its node died")
    assert shards.next(1) == first
    assert shards.next(1) == NodeShard(2, ("e", "f"))


def test_the_last_shards_are_small() -> None:
    shards, sizes = Shards(20), []
    shards.add(str(number) for number in range(1000))
    while (shard := shards.next(places=8)) is not None:
        sizes.append(len(shard.ids))
        shards.done(shard.number)
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[:20] == [20] * 20 and sizes[-8:] == [1] * 8


def test_videos_that_come_later_keep_shards_large() -> None:
    shards = Shards(20)
    shards.add(str(number) for number in range(40))
    shard = shards.next(places=4, more=1000)
    assert shard is not None and len(shard.ids) == 20


def test_a_shard_that_kills_every_node_stops_the_run() -> None:
    shards = Shards(20)
    shards.add("a")
    whys = ["its claim ended", "its node died"]
    with pytest.raises(MachineTrouble, match=r"video a.*3 x its claim ended; 2 x its node died.*claim_seconds"):
        for number in range(10):
            shard = shards.next(1)
            assert shard is not None
            shards.lost(shard.number, whys[number % 2], results=3)


def test_a_shard_that_goes_on_each_time_is_given_again() -> None:
    """Nodes that come and go may each do a part of a large shard."""
    shards = Shards(20)
    shards.add("abcd")
    for results in range(50):
        shard = shards.next(1)
        assert shard is not None
        shards.lost(shard.number, "its node left", results)
    assert shards.waiting > 0
