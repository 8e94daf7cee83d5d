"""Summaries and choices that repeat over unlike videos: when the watch rings, and when it must not."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.binding.audit import BindingAudit
from curation.binding.repeats import LATEST, LEAST_VIDEOS, Observation, Repeats, coincidence, observe
from curation.binding.window import Alarm
from demo.world import make_script
from schemas.configuration.config import BindingConfig
from schemas.errors import BindingBroken
from schemas.kit.content_words import content_words
from tests.curation.repeated import ONIONS, seen, unlike_sample

CONFIG = BindingConfig()
HONEST = random.Random(7)


def rings(videos: Sequence[Observation], config: BindingConfig = CONFIG) -> tuple[int, Alarm] | None:
    """After how many videos an alarm comes, and which; None: no alarm."""
    window = Repeats(config)
    for number, video in enumerate(videos, start=1):
        alarm = window.add(video)
        if alarm is not None:
            return number, alarm
    return None


def test_the_prompts_example_over_unlike_videos_rings_at_the_third() -> None:
    number, alarm = rings([seen(i, summary=ONIONS) for i in range(9)])
    assert (number, alarm.kind, len(alarm.videos)) == (LEAST_VIDEOS, "summaries", 3)
    assert "3 of the last 3 videos have nearly the same summary" in str(alarm)


@pytest.mark.parametrize("text", ["SENTENCE", "},{", "…", "The room is a black square and a blue triangle. " * 11])
def test_a_text_that_says_nothing_of_the_videos_rings_too(text: str) -> None:
    assert rings([seen(i, summary=text) for i in range(9)])[0] == LEAST_VIDEOS


def test_a_summary_with_another_word_here_and_there_is_the_same() -> None:
    words = f"{ONIONS} Then he eats them with a large piece of dry bread at the table by the window".split()
    almost = [" ".join([*words[:-1], ending]) for ending in ("window.", "WINDOW", "door!")]
    assert rings([seen(i, summary=text) for i, text in enumerate(almost)]) is not None
    other = [" ".join(HONEST.sample(words, len(words))) for _ in range(9)]
    assert rings([seen(i, summary=text) for i, text in enumerate(other)]) is None


def test_videos_that_are_alike_may_have_the_same_summary_and_keyframes() -> None:
    same_captions = [
        seen(i, summary=ONIONS, choice=(3, 17, 42), captioned="fixed words of one caption") for i in range(30)
    ]
    same_pictures = [seen(i, summary=ONIONS, choice=(3, 17, 42), pictures="one film") for i in range(30)]
    assert rings(same_captions) is None and rings(same_pictures) is None
    said = [
        seen(i, summary=ONIONS, captioned=f"a man chops onions and fries them in a pan, {i} {'xyz'[i % 3]}")
        for i in range(30)
    ]
    assert rings(said) is None, "what the captions of all of them say is no repetition of the model"


def test_few_of_many_videos_with_one_summary_do_not_ring() -> None:
    videos = [seen(i) for i in range(LATEST)]
    videos[10] = videos[10]._replace(summary=ONIONS, triples=seen(0, summary=ONIONS).triples)
    assert rings([*videos, seen(100, summary=ONIONS), seen(101, summary=ONIONS)]) is None


@pytest.mark.parametrize(
    "parrot",
    [
        lambda frames: tuple(i for i in (3, 17, 42) if i < frames),  # the example of the prompt
        lambda frames: tuple(round((frames - 1) * part) for part in (0.25, 0.5, 0.75)),
    ],
)
def test_one_choice_over_unlike_videos_rings(parrot: Callable[[int], tuple[int, ...]]) -> None:
    lengths = [HONEST.randint(43, 300) for _ in range(20)]
    number, alarm = rings([seen(i, choice=parrot(frames), frames=frames) for i, frames in enumerate(lengths)])
    assert alarm.kind == "choices" and number <= 8
    assert "have the same keyframes" in str(alarm) and "1e-06" in str(alarm)


def honest(kind: str, rng: random.Random) -> tuple[int, tuple[int, ...]]:
    """The number of frames and the choice of one honest video."""
    frames = {"3 s": 3, "5 s": 5, "8 s": 8, "15 s": 15}.get(kind, rng.randint(5, 300))
    if kind == "demo":
        script = make_script(rng.randrange(10**6))
        return script.duration, tuple(script.keyframes)
    if kind == "first":
        return frames, (0,)
    if kind == "first and last":
        return frames, (0, frames - 1)
    if kind == "all":
        return frames, tuple(range(frames))
    return frames, tuple(sorted(rng.sample(range(frames), max(1, round(0.1639 * frames)))))


@pytest.mark.parametrize("kind", ["demo", "first", "first and last", "all", "3 s", "5 s", "8 s", "15 s", "any"])
def test_honest_choices_do_not_ring(kind: str) -> None:
    rng = random.Random(kind)
    drawn = [honest(kind, rng) for _ in range(300)]
    assert rings([seen(i, choice=choice, frames=frames) for i, (frames, choice) in enumerate(drawn)]) is None


def test_true_summaries_of_the_demo_do_not_ring() -> None:
    scripts = [make_script(seed) for seed in range(200)]
    videos = [
        seen(i, summary=" ".join(e.sentence for e in s.events), choice=tuple(s.keyframes), frames=s.duration)._replace(
            captioned=content_words(" ".join(s.captions[second] for second in s.keyframes))
        )
        for i, s in enumerate(scripts)
    ]
    assert rings(videos) is None
    exchanged = [
        video._replace(summary=videos[0].summary, triples=videos[0].triples, words=videos[0].words) for video in videos
    ]
    assert rings(exchanged) is not None, "one true summary on the other videos"


@given(st.integers(3, 400), st.integers(1, 6), st.integers(2, 20), st.integers(0, 60))
def test_a_chance_is_a_chance_and_falls_with_every_video(frames: int, chosen: int, same: int, others: int) -> None:
    choice = tuple(sorted(random.Random(frames).sample(range(frames), min(chosen, frames))))
    group = [seen(i, choice=choice, frames=frames) for i in range(same)]
    found = [coincidence(group[:n], same + others) for n in range(1, same + 1)]
    assert all(0 <= value <= 1 for value in found) and found == sorted(found, reverse=True)


def test_the_window_is_bounded_and_holds_a_video_once() -> None:
    window = Repeats(CONFIG)
    for number in range(1000):
        window.add(seen(number % 150))
    assert len(window.seen) == LATEST == len({one.video_id for one in window.seen})
    assert window.figures() == (LATEST, 1, 1, 1.0)
    window.add(seen(2000, summary=window.seen[-1].summary))
    assert window.figures().same_summary == 2


def audit(config: BindingConfig, halted: list[tuple[str, ...]], earlier: Sequence[Observation] = ()) -> BindingAudit:
    def halt(alarm: Alarm, group: Sequence[Observation]) -> str:
        assert {one.video_id for one in group} == set(alarm.videos)
        halted.append(alarm.videos)
        return "where the evidence is"

    return BindingAudit(config, lambda: None, lambda *_: "", halt, lambda: earlier)


def test_threads_share_one_watch_and_all_of_them_stop() -> None:
    halted: list[tuple[str, ...]] = []
    shared = audit(CONFIG, halted)
    stopped: list[str] = []

    def shard(number: int) -> None:
        try:
            for video in range(5):
                shared.check_summary(seen(number * 10 + video, summary=ONIONS))
        except BindingBroken as error:
            stopped.append(str(error))

    threads = [threading.Thread(target=shard, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(halted) == 1 and stopped == ["where the evidence is"] * 4
    with pytest.raises(BindingBroken):
        shared.raise_if_stopped()


def test_videos_of_earlier_runs_count() -> None:
    halted: list[tuple[str, ...]] = []
    with pytest.raises(BindingBroken):
        audit(CONFIG, halted, [seen(1, summary=ONIONS), seen(2, summary=ONIONS)]).check_summary(seen(3, summary=ONIONS))
    assert halted == [("v1", "v2", "v3")]


def test_score_only_logs_and_disable_does_nothing(caplog: pytest.LogCaptureFixture) -> None:
    for mode in ("disable", "score-only"):
        quiet = audit(BindingConfig(mode=mode), [])
        for number in range(5):
            quiet.check_summary(seen(number, summary=ONIONS))
        assert ("nearly the same summary" in caplog.text) is (mode == "score-only")


def test_what_is_compared_comes_from_the_keyframes() -> None:
    sample = unlike_sample("a")
    found = observe("a", sample.frames, sample.captions, sample.extract, sample.summary)
    assert found.choice == sample.extract.keyframes and len(found.hashes) == len(found.choice)
    assert found.captioned == content_words(" ".join(sample.captions.captions[i].text for i in found.choice))
