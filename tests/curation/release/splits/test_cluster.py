"""Near duplicates: what is a copy, what only looks like one, and what proposes a pair."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from PIL import ImageOps

from curation.release.splits.cluster import compare, joined, near_duplicates
from curation.release.splits.fingerprint import PICKS, NoPictures, bits, picked
from curation.release.splits.near_hashes import RADIUS
from curation.release.splits.neighbours import by_hashes, by_text, by_vectors
from tests.curation.release.splits.videos import film, item, printed, random_print


def test_a_trimmed_copy_is_found_with_its_offset() -> None:
    whole = film(1)
    found = compare(printed(whole), printed(whole[7:20]))
    assert found is not None
    assert found.copy
    assert (found.offset, found.common, found.mirrored) == (-7, 13, False)


def test_a_mirrored_and_cropped_copy_is_found_with_its_crop() -> None:
    whole = film(2)
    changed = [ImageOps.mirror(each).crop((16, 6, 150, 114)).resize((200, 160)) for each in whole]
    found = compare(printed(whole), printed(changed))
    assert found is not None
    assert found.copy
    assert found.mirrored
    assert found.crop == pytest.approx((0.1, 10 / 160, 0.05, 0.05), abs=0.03)


def test_the_same_is_found_from_the_other_side() -> None:
    whole = film(3)
    changed = [each.crop((0, 0, 140, 110)) for each in whole[4:]]
    there, back = compare(printed(whole), printed(changed)), compare(printed(changed), printed(whole))
    assert there is not None
    assert back is not None
    assert there.copy
    assert back.copy
    assert there.offset == -back.offset


def test_a_common_opening_is_no_copy() -> None:
    first, second = film(4, 40, opening=8), film(5, 40, opening=8)
    found = near_duplicates([item("a", printed(first)), item("b", printed(second))])
    assert found.looked_at == 1, "the opening proposes the pair"
    assert not found.copies


def test_still_pictures_are_copies_only_where_they_agree_closely() -> None:
    slide, other = film(6, 2)[0], film(7, 2)[0]
    same = compare(printed([slide] * 12), printed([slide.resize((320, 240))] * 12))
    assert same is not None
    assert same.copy
    assert same.still
    unlike = compare(printed([slide] * 12), printed([other] * 12))
    assert unlike is None or not unlike.copy


def test_a_still_end_in_common_is_no_proof() -> None:
    credits = film(8, 2)[:1] * 12
    found = compare(printed(film(9, 20) + credits), printed(film(10, 20) + credits))
    assert found is None or not found.copy


@pytest.mark.parametrize("frames", [1, 2, 3])
def test_videos_of_few_frames_are_compared_or_left_alone(frames: int) -> None:
    first, second = film(11, frames), film(12, frames)
    found = near_duplicates([item("a", printed(first)), item("b", printed(second)), item("c", printed(first))])
    assert set(found.copies) <= {(0, 2)}


def test_videos_without_pictures_or_fingerprints_are_told_apart() -> None:
    def gone() -> None:
        raise NoPictures("gone")

    whole = film(13)
    found = near_duplicates([item("a", printed(whole)), item("b", printed(whole, gone)), item("c")])
    assert found.unresolved == [(0, 1)]
    assert not found.copies


def test_texts_propose_what_hashes_do_not() -> None:
    summary = "A red circle moves left. A sign reads EXIT. Then a blue square grows in the barn."
    pairs = by_text([summary, "Nothing is here but a long gray wall in the room", summary.upper(), ""])
    assert pairs == [(0, 2)]
    assert by_text([]) == by_text(["", "one two"]) == []


def test_a_sentence_that_many_videos_have_proposes_nothing() -> None:
    assert by_text(["This video is brought to you by our sponsor, thank you for watching it"] * 30) == []


def test_vectors_propose_near_ones_only() -> None:
    rng = np.random.default_rng(0)
    some = rng.normal(size=(5, 16)).astype(np.float32)
    vectors = [*some, None, some[3] * 7 + np.float32(0.01)]
    assert by_vectors(vectors) == [(3, 6)]
    assert by_vectors([None, some[0]]) == []


def test_a_picture_that_many_videos_show_proposes_nothing() -> None:
    black = film(14, 2)[:1] * 6
    shown = printed(black)
    found = by_hashes([shown] * 101)
    assert found.pairs == []
    assert found.common == 1
    assert by_hashes([shown] * 3).pairs == [(0, 1), (0, 2), (1, 2)]
    assert by_hashes([None]).pairs == []


def test_hashes_within_seven_bits_are_all_found() -> None:
    rng = np.random.default_rng(1)
    for wrong in (0, 4, 7, 20):
        first = random_print(rng)
        flipped = [hash_ ^ _flips(rng, wrong) for hash_ in first.hashes.tolist()]
        near = replace(random_print(rng), hashes=np.array(flipped, np.uint64))
        assert by_hashes([first, near]).pairs == ([(0, 1)] if wrong <= RADIUS else []), wrong


def test_bits_give_distances() -> None:
    pair = np.array([0b1011, 0b0001], np.uint64)
    assert (64 - bits(pair)[0] @ bits(pair)[1]) / 2 == 2


def test_picks_hold_what_is_at_hand_and_lie_apart() -> None:
    assert picked(5, []) == [0, 1, 2, 3, 4]
    assert set(picked(200, [3, 4, 100])) >= {3, 4, 100}
    assert len(picked(200, [3, 4, 100])) == PICKS
    assert max(np.diff(picked(240, []))) <= 20
    assert len(picked(200, range(100))) == PICKS


def test_components_are_in_the_order_of_their_first_place() -> None:
    assert joined(6, [(4, 5), (1, 3), (3, 5)]) == [[0], [1, 3, 4, 5], [2]]
    assert joined(0, []) == []


def _flips(rng: np.random.Generator, count: int) -> int:
    return sum(1 << int(bit) for bit in rng.choice(64, count, replace=False))
