"""The assignment: groups stay together, shares are kept, what was published stays, and the order does not matter."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from curation.release.splits.assign import assign
from curation.release.splits.items import Benchmark, SplitItem
from schemas.configuration.config import SplitConfig
from tests.curation.release.splits.videos import film, item, printed

SHARES = SplitConfig()
HALF = SplitConfig(train=0.5, validation=0.0, test=0.5)


def many(count: int = 3000) -> list[SplitItem]:
    rng = random.Random(7)
    return [
        item(
            f"v{number:05d}",
            duration=rng.choice((30.0, 90.0, 200.0, 500.0, 900.0)),
            category=rng.choices(("Music", "Sports", "Rare"), (60, 39.5, 0.5))[0],
            channel=f"channel {rng.randrange(400)}" if rng.random() < 0.6 else None,
        )
        for number in range(count)
    ]


def test_shares_are_kept_overall_and_in_every_duration_and_category() -> None:
    items = many()
    report = assign(items, SHARES).report
    for each in report.splits:
        assert each.rows == pytest.approx(each.wanted * len(items), abs=3), each
    for stratum in report.strata:
        rows = sum(stratum.rows.values())
        for split, wanted in (("train", SHARES.train), ("validation", SHARES.validation), ("test", SHARES.test)):
            assert stratum.rows[split] == pytest.approx(wanted * rows, abs=max(3, 0.03 * rows)), stratum
    assert not any("Rare" in stratum.name for stratum in report.strata), "too few for a stratum of their own"


def test_the_order_of_the_rows_does_not_matter() -> None:
    items = many(500)
    first = assign(items, SHARES)
    random.Random(1).shuffle(items)
    again = assign(items, SHARES)
    assert again == first
    assert list(again.splits) == sorted(again.splits)


def test_a_channel_lies_in_one_split() -> None:
    items = many(600)
    splits = assign(items, SHARES).splits
    of = {each.channel: set[str]() for each in items if each.channel}
    for each in items:
        if each.channel:
            of[each.channel].add(splits[each.id])
    assert all(len(found) == 1 for found in of.values())


def test_a_split_without_a_share_gets_no_row() -> None:
    assert set(assign(many(200), HALF).splits.values()) == {"train", "test"}


def test_published_rows_keep_their_split_and_new_copies_follow_them() -> None:
    whole = film(1)
    old = [item("old", printed(whole)), item("other")]
    for split in ("validation", "test"):
        new = [*old, item("new", printed(whole[3:]), channel="elsewhere"), item("of its channel", channel="elsewhere")]
        made = assign(new, SHARES, {"old": split, "other": "train", "gone": "test"})
        assert made.splits == {"new": split, "of its channel": split, "old": split, "other": "train"}
        assert (made.report.frozen, made.report.followed, made.report.conflicts) == (2, 2, ())
        assert made.clusters == (("new", "old"),)


def test_a_cluster_that_joins_two_splits_is_reported_and_new_rows_go_to_the_first() -> None:
    whole = film(2)
    items = [item(name, printed(whole)) for name in ("a", "b", "c")]
    made = assign(items, SHARES, {"a": "test", "b": "validation"})
    assert made.splits == {"a": "test", "b": "validation", "c": "validation"}
    (conflict,) = made.report.conflicts
    assert conflict.kind == "near duplicates"
    assert conflict.rows == {"validation": ("b",), "test": ("a",)}


def test_a_published_copy_goes_before_a_published_channel() -> None:
    whole = film(3)
    items = [item("copied", printed(whole)), item("new", printed(whole), channel="c"), item("of c", channel="c")]
    made = assign(items, SHARES, {"copied": "test", "of c": "train"})
    assert made.splits["new"] == "test"
    assert made.report.conflicts == ()
    both = assign([item("x", channel="c"), item("y", channel="c")], SHARES, {"x": "train", "y": "test"})
    assert [each.kind for each in both.report.conflicts] == ["channel"]


def test_pairs_that_cannot_be_resolved_stay_together_but_are_no_cluster() -> None:
    from curation.release.splits.fingerprint import NoPictures

    def gone() -> None:
        raise NoPictures("gone")

    whole = film(4)
    made = assign([item("a", printed(whole, gone)), item("b", printed(whole)), item("c")], HALF, {"a": "test"})
    assert made.splits["b"] == "test"
    assert (made.clusters, made.report.unresolved) == ((), (("a", "b"),))
    assert made.report.not_compared == ("c",)


def test_videos_of_benchmarks_are_found_by_id_by_title_and_by_pictures() -> None:
    whole = film(5)
    items = [
        item("one", known_as=frozenset({"one", "AwmHb44_ouw"})),
        item("two", title="Base_Jumping!"),
        item("three", printed([each.crop((8, 4, 150, 112)) for each in whole])),
        item("four"),
    ]
    known = Benchmark(
        "TVSum",
        frozenset({"AwmHb44_ouw"}),
        frozenset({"base jumping"}),
        {"file": printed(whole), "f2": printed(film(6))},
    )
    alone, made = assign(items, SHARES), assign(items, SHARES, benchmarks=[known])
    assert made.splits == alone.splits, "benchmarks move nothing"
    assert {(hit.id, hit.known_as, hit.by) for hit in made.report.benchmark_hits} == {
        ("one", "AwmHb44_ouw", "id"),
        ("two", "base jumping", "title"),
        ("three", "file", "pictures"),
    }
    assert made.report.benchmarks[0].files == 2
    assert Counter(hit.split for hit in made.report.benchmark_hits) == Counter(
        made.splits[hit.id] for hit in made.report.benchmark_hits
    )


def test_two_items_of_one_id_are_refused_and_none_are_no_error() -> None:
    with pytest.raises(ValueError, match="one id"):
        assign([item("a"), item("a")], SHARES)
    assert assign([], SHARES).splits == {}
