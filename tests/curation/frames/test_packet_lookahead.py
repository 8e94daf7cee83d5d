"""Reading packets ahead: exactly the needed pictures are found, whatever the decoding order."""

from fractions import Fraction
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.frames.packet_lookahead import Lookahead


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.integers(1, 400), min_size=1, max_size=120),
    st.integers(0, 6),
    st.randoms(use_true_random=False),
    st.fractions("1/300", "1/3"),
    st.integers(-500, 500),
)
def test_lookahead_finds_exactly_the_needed_pictures(gaps, depth, dice, unit, start):
    shown = [start]
    for gap in gaps:
        shown.append(shown[-1] + gap)
    coded = reordered(shown, depth, dice)
    # dts: the times in order, early enough that no picture is decoded after it is shown.
    dts = [shown[max(i - depth, 0)] - max(depth - i, 0) for i in range(len(shown))]
    packets = [
        SimpleNamespace(pts=pts, dts=time, size=1, is_keyframe=i == 0, is_discard=False)
        for i, (pts, time) in enumerate(zip(coded, dts, strict=True))
    ]
    plan = Lookahead(iter(packets), unit)
    due = {packet.pts for packet in plan if plan.is_due(packet, start)}
    count = int((shown[-1] - start) * unit) + 2
    assert due == {max(pts for pts in shown if pts <= start + k / unit) for k in range(count)}
    assert plan.variable_rate == (2 * max(gaps) > 3 * min(gaps))


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.integers(1, 40), min_size=1, max_size=8),
    st.integers(0, 3),
    st.randoms(use_true_random=False),
    st.fractions("1/60", "1/2"),
)
def test_lookahead_never_drops_a_reference_of_a_needed_picture(groups, depth, dice, unit):
    packets, shown = [], 0
    for number, length in enumerate(groups):
        group = [shown := shown + dice.randint(1, 9) for _ in range(length)]
        coded = [group[0], *reordered(group[1:], depth, dice)]
        packets += [(number, pts, pts == group[0]) for pts in coded]
    times = sorted(pts for _, pts, _ in packets)
    made = [
        SimpleNamespace(
            pts=pts, dts=times[0] - 99 if i < 8 else times[i - 8], size=1, is_keyframe=key, is_discard=False
        )
        for i, (_, pts, key) in enumerate(packets)
    ]
    plan = Lookahead(iter(made), unit, restarts=lambda packet: True)
    fates = []
    for packet in plan:
        due = plan.is_due(packet, times[0])
        fates.append("due" if due else "idle" if plan.is_idle(packet, times[0]) else "fed")
    for place, fate in enumerate(fates):
        before = [fates[i] for i in range(place) if packets[i][0] == packets[place][0]]
        assert fate != "due" or "idle" not in before
    tail = [fate for fate, (number, _, _) in zip(fates, packets, strict=True) if number == len(groups) - 1]
    assert "idle" not in tail


def reordered(shown, depth, dice):
    """A decoding order in which at most `depth` pictures come before one that is shown earlier."""
    waiting, coded = [], []
    for pts in shown:
        waiting.append(pts)
        if len(waiting) > depth:
            coded.extend(waiting.pop(waiting.index(min(waiting))) for _ in range(1))
    coded.extend(sorted(waiting))
    order = list(coded)
    for i in range(0, len(order) - depth, depth + 1):
        group = order[i : i + depth + 1]
        order[i : i + depth + 1] = [group[-1], *dice.sample(group[:-1], len(group) - 1)]
    return order


@pytest.mark.parametrize("broken", [{"pts": None}, {"dts": None}, {"dts": 10**6}])
def test_lookahead_needs_all_pictures_when_time_stamps_are_wrong(broken):
    stamps = [{"pts": n, "dts": n} for n in range(50)]
    stamps[20] |= broken
    packets = [SimpleNamespace(**s, size=1, is_keyframe=False, is_discard=False) for s in stamps]
    plan = Lookahead(iter(packets), Fraction(1, 10))
    due = [plan.is_due(packet, 0) for packet in plan]
    assert all(due[21:])
    assert len(due) == len(packets)
