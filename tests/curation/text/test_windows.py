"""Windows cover all positions and fit; shares sum to their total."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.text.windows import shares, windows
from schemas.errors import PermanentError


@given(st.integers(1, 300), st.integers(1, 50), st.one_of(st.none(), st.integers(4, 40)), st.integers(0, 20))
def test_windows_cover_everything_in_order(size: int, room: int, largest: int | None, overlap: int) -> None:
    split = windows(size, lambda w: len(w) <= room, largest, overlap)
    assert sorted({i for w in split for i in w}) == list(range(size))
    assert [w.stop for w in split] == sorted({w.stop for w in split})
    most = min(room, largest or room)
    assert all(0 < len(w) <= most for w in split)
    if size <= most:
        assert len(split) == 1
    if overlap == 0:
        assert sum(map(len, split)) == size
        assert max(map(len, split)) - min(map(len, split)) <= 1


def test_windows_give_up_when_one_caption_does_not_fit() -> None:
    with pytest.raises(PermanentError, match="prompt_too_long"):
        windows(5, lambda w: False)


@given(st.lists(st.integers(1, 100), min_size=1, max_size=20), st.integers(0, 2000))
def test_shares_sum_and_are_fair(sizes: list[int], total: int) -> None:
    given_out = shares(total, sizes)
    assert sum(given_out) == total
    assert all(abs(s - total * n / sum(sizes)) < 1 for s, n in zip(given_out, sizes, strict=True))
    if total <= sum(sizes):
        assert all(s <= n for s, n in zip(given_out, sizes, strict=True))
