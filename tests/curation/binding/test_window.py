"""The window over the latest observations of a run: when its alarms ring, and when they must not."""

from __future__ import annotations

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.binding.audit import BindingAudit
from curation.binding.window import (
    LEAST_CANARIES,
    LEAST_OF_A_SERVER,
    CanaryResult,
    Compared,
    Shown,
    Window,
    commonest,
    unlike,
)
from curation.frames.similarity import UNLIKE_BITS
from schemas.binding import CanaryOutcome
from schemas.configuration.config import BindingConfig
from schemas.errors import BindingBroken
from tests.curation.samples import make_sample

CONFIG = BindingConfig(least=10)


def shown(video: int, frame: int, text: str, phash: int = 0) -> Shown:
    return Shown(f"v{video}", frame, text, f"{phash:016x}")


def canary_result(video: int, right: bool, server: str = "") -> CanaryResult:
    outcome = CanaryOutcome(picture="p", seed="s", words=(("red",),), said="x", right=right, server=server)
    return CanaryResult(f"v{video}", outcome)


def compared(video: int, won: int, of: int = 8) -> Compared:
    return Compared(shown(video, 0, "t"), won, of, 0.1)


def spread(number: int) -> int:
    """64-bit numbers of which any two differ in 32 bits: rows of a Hadamard matrix."""
    return sum(((number & column).bit_count() & 1) << column for column in range(64))


@given(st.lists(st.booleans(), max_size=60))
def test_the_canary_alarm_depends_on_the_latest_sixteen(rights: list[bool]) -> None:
    window = Window(CONFIG)
    window.add_canaries(canary_result(number, right) for number, right in enumerate(rights))
    latest = rights[-4 * LEAST_CANARIES :]
    rings = len(latest) >= LEAST_CANARIES and sum(latest) / len(latest) < CONFIG.min_canaries
    alarm = window.alarm()
    assert (alarm is not None) is rings
    assert alarm is None or (alarm.kind == "canaries" and f"{alarm.share:.0%}" in str(alarm))


@given(st.integers(2, 8), st.integers(0, 7), st.integers(1, 40))
def test_one_faulty_server_among_several_rings_and_is_named(servers: int, faulty: int, each: int) -> None:
    window = Window(CONFIG)
    faulty %= servers
    for number in range(each * servers):
        server = number % servers
        window.add_canaries([canary_result(number, server != faulty, f"http://s{server}/v1")])
        alarm = window.alarm()
        of_the_faulty = (number - faulty) // servers + 1
        if servers == 2 and alarm is not None and not alarm.server:
            continue  # half of all canaries are wrong: in this order, less than half may be right so far
        assert (alarm is not None) is (of_the_faulty >= LEAST_OF_A_SERVER)
        assert alarm is None or (alarm.server == f"http://s{faulty}/v1" and alarm.server in str(alarm))
    assert {f"v{number}" for number in range(each * servers)} >= window.videos()


def test_many_servers_do_not_fill_the_memory() -> None:
    window = Window(CONFIG)
    window.add_canaries(canary_result(number, True, f"s{number}") for number in range(3000))
    assert len(window.servers) <= 256 and len(window.canaries) <= 4 * LEAST_CANARIES


@given(st.lists(st.integers(0, 8), max_size=90))
def test_the_match_alarm_depends_on_the_latest_and_never_on_few(wins: list[int]) -> None:
    window = Window(CONFIG)
    window.compared.extend(compared(number, won) for number, won in enumerate(wins))
    latest = wins[-4 * CONFIG.least :]
    rings = len(latest) >= CONFIG.least and sum(won / 8 for won in latest) / len(latest) < CONFIG.min_match
    alarm = window.alarm()
    assert (alarm is not None) is rings
    assert alarm is None or alarm.kind == "match"
    assert len(window.compared) <= 4 * CONFIG.least


def test_one_caption_on_unlike_frames_of_several_videos_rings() -> None:
    window = Window(CONFIG)
    window.shown.extend(shown(number % 3, number, "The same.", spread(number + 1)) for number in range(10))
    window.shown.extend(shown(number % 3, number, f"Text {number}", spread(number + 1)) for number in range(10))
    alarm = window.alarm()
    assert alarm is not None and alarm.kind == "repeated" and alarm.share == 0.5
    assert window.commonest() == ("the same.", 10, 20, 3)


def test_one_caption_of_one_video_or_on_similar_frames_is_no_fault() -> None:
    lecture = [shown(0, number, "A woman speaks.", spread(number + 1)) for number in range(30)]
    black = [shown(number, 0, "The screen is black.", 1 << (number % 4)) for number in range(30)]
    for rows in (lecture, black, lecture + black):
        window = Window(CONFIG)
        window.shown.extend(rows)
        window.shown.extend(shown(9, number, f"Text {number}", spread(number + 1)) for number in range(10))
        assert window.alarm() is None
    assert commonest(lecture).covers == 0
    assert commonest(black).covers == 1


@given(st.lists(st.integers(0, 2**64 - 1), max_size=30))
def test_taken_frames_are_unlike_and_the_others_are_not(hashes: list[int]) -> None:
    rows = [shown(0, number, "t", phash) for number, phash in enumerate(hashes)]
    taken = unlike(rows)
    values = [int(one.phash, 16) for one in taken]
    assert all((a ^ b).bit_count() > UNLIKE_BITS for i, a in enumerate(values) for b in values[:i])
    for one in rows:
        assert one in taken or any((int(one.phash, 16) ^ value).bit_count() <= UNLIKE_BITS for value in values)


@given(st.lists(st.tuples(st.integers(0, 4), st.sampled_from("abc"), st.integers(0, 63)), max_size=60), st.randoms())
def test_the_commonest_caption_never_exceeds_the_whole(rows: list[tuple[int, str, int]], rng: object) -> None:
    observations = [shown(video, 0, text, spread(number)) for video, text, number in rows]
    found = commonest(observations)
    assert 0 <= found.share <= 1 and found.covers <= found.of <= len(rows)
    assert found.covers == 0 or found.videos >= 2
    # Frames are equal or differ in 32 bits, so the order of arrival cannot matter.
    rng.shuffle(observations)  # type: ignore[attr-defined]
    assert commonest(observations) == found


def test_an_empty_window_raises_no_alarm() -> None:
    window = Window(CONFIG)
    assert window.alarm() is None and window.videos() == set()
    assert window.figures()["canaries_recognized_share"] is None


def test_a_thread_that_stops_before_the_evidence_exists_gets_the_full_message_later() -> None:
    gathering, go_on = threading.Event(), threading.Event()

    def halt(*_: object) -> str:
        gathering.set()
        assert go_on.wait(30)
        return "all of it, and where the evidence is"

    audit = BindingAudit(CONFIG, lambda: None, halt, halt)
    outcomes = [canary_result(1, False).outcome] * LEAST_CANARIES
    made = make_sample()

    def check() -> None:
        with pytest.raises(BindingBroken, match="all of it"):
            audit.check("v1", made.frames, made.captions, lambda _: b"", outcomes)

    first = threading.Thread(target=check)
    first.start()
    assert gathering.wait(30)
    with pytest.raises(BindingBroken, match="captions are not where they belong"):
        audit.raise_if_stopped()  # it must not wait: the evidence may need what this thread holds
    go_on.set()
    first.join(30)
    with pytest.raises(BindingBroken, match="all of it"):
        audit.raise_if_stopped()
