"""Beside the published figures: what differs is marked, what does not is not."""

import numpy as np

from curation.release.card.figures import Distribution, Figures
from curation.release.card.published import SPLITS, Comparison, compare


def of(*values: float, step: float = 1.0) -> Distribution:
    made = Distribution(step)
    made.add(np.array(values, np.float64))
    return made


def figures(
    duration: tuple[float, ...], frames: float, keyframes: float, ratio: float, tokens: float, words: float = 200
) -> Figures:
    return Figures(
        duration=of(*duration, step=0.1),
        sampled_frames=of(frames),
        keyframes=of(keyframes),
        ratio=of(ratio, step=0.0001),
        words=of(words),
        tokens=of(tokens),
        scores={},
    )


def marks(made: list[Comparison]) -> dict[str, str]:
    return {one.what: one.mark for one in made if one.differs}


def test_the_published_figures_themselves_differ_nowhere() -> None:
    made = compare(figures((40, 940, *[171] * 48), 183, 30, 0.2, 239), SPLITS)
    assert marks(made) == {}
    shown = {one.what: (one.ours, one.published) for one in made}
    assert shown["ratio, as the ratio of means"] == ("16.39 %", "16.39 %")
    assert shown["ratio, as the mean of ratios"] == ("20.00 %", "not stated apart")
    assert shown["rows of test"] == ("4,000 (13.3 %)", "4,000 (13.3 %)")
    assert shown["durations"] == ("40 to 940 s", "40 to 940 s")


def test_what_differs_is_marked_with_how_much() -> None:
    made = compare(figures((12, 20, 1000), 20, 4, 0.2, 60), {"train": 300})
    assert marks(made) == {
        "videos": "\u221299 %",
        "rows of train": "+20 % of the share",
        "rows of validation": "\u2212100 % of the share",
        "rows of test": "\u2212100 % of the share",
        "durations": "2 shorter, 1 longer",
        "mean duration": "+88 %",
        "ratio, as the ratio of means": "+22 %",
        "mean keyframes": "\u221287 %",
        "mean tokens of the text summary": "\u221275 %",
    }
    (videos,) = (one for one in compare(figures((50,), 50, 90, 1, 239), {"train": 90_000}) if one.what == "videos")
    assert videos.mark == "3.0 times"


def test_half_a_release_has_no_division_by_nothing() -> None:
    made = compare(figures((), 0, 0, 0, 0), {})
    assert {one.what: one.ours for one in made}["durations"] == "none"
