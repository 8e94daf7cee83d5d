"""The simulation against what queueing theory says of simple cases."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.scaling.simulate import Station, simulate

stations = st.lists(
    st.builds(Station, st.uuids().map(str), st.integers(1, 5), st.floats(0.01, 3), st.sampled_from([0.0, 0.7])),
    min_size=1,
    max_size=4,
)


@given(stations, st.integers(1, 40), st.integers(1, 8))
def test_no_run_is_shorter_than_its_bounds(row: list[Station], videos: int, in_flight: int) -> None:
    found = simulate(row, videos, in_flight)
    assert all(0 <= share <= 1 + 1e-9 for share in found.busy.values())
    one_at_a_time = simulate(row, videos, 1)
    assert found.seconds <= one_at_a_time.seconds + 1e-9
    if not any(station.spread for station in row):
        path = sum(station.mean for station in row)
        assert one_at_a_time.seconds == pytest.approx(videos * path)
        assert found.seconds >= max(path, max(videos * s.mean / s.servers for s in row)) - 1e-9


@given(st.integers(1, 6), st.integers(0, 3))
def test_with_enough_in_flight_the_slowest_station_gives_the_rate(servers: int, slowest: int) -> None:
    row = [Station(str(place), servers, 1.0 if place == slowest else 0.5) for place in range(4)]
    found = simulate(row, 3000, 100 * servers)
    assert found.rate == pytest.approx(servers, rel=0.02)
    assert found.bottleneck == str(slowest) and found.busy[str(slowest)] == pytest.approx(1, rel=0.02)


def test_a_closed_queue_of_two_exponential_like_stations_waits_as_it_should() -> None:
    # Two equal stations of one server, n in flight: the rate is n / (n + 1) for exponential times (Buzen, 1973).
    # A log-normal time with the same mean and spread is near it.
    found = simulate([Station("a", 1, 1.0, 1.0), Station("b", 1, 1.0, 1.0)], 40_000, 4, seed=3)
    assert found.rate == pytest.approx(4 / 5, rel=0.05)


def test_the_same_seed_gives_the_same_run() -> None:
    row = [Station("a", 2, 1.0, 0.5)]
    assert simulate(row, 100, 4, seed=1) == simulate(row, 100, 4, seed=1) != simulate(row, 100, 4, seed=2)


def test_nothing_to_do_is_refused() -> None:
    for row, videos, in_flight in (([Station("a", 0, 1)], 1, 1), ([Station("a", 1, 1)], 0, 1), ([], 1, 0)):
        with pytest.raises(ValueError, match="needs videos"):
            simulate(row, videos, in_flight)
