"""The plots: equal bytes, nothing of the machine in them, and any text in their labels."""

import io
import struct
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from PIL import Image

from annotation.report.rates import share
from curation.release.card import drawing
from curation.release.card.drawing import Bar, Line, Range
from curation.release.card.figures import Distribution, Figures
from curation.release.card.plots import draw_plots
from schemas.documents.review_report import Agreement, Estimate
from schemas.manifest import Manifest

pytestmark = pytest.mark.slow
HOSTILE = "$\\frac{1}{0}$ \u6f22\u5b57 \u202e\u0000 <b>![x](y)|" + "w" * 500


def of(values: list[float], step: float = 1.0) -> Distribution:
    made = Distribution(step)
    made.add(np.array(values, np.float64))
    return made


def figures(durations: list[float]) -> Figures:
    counts = [1.0 + n % 5 for n in range(len(durations))]
    return Figures(
        duration=of(durations, 0.1),
        sampled_frames=of(durations),
        keyframes=of(counts),
        ratio=of([count / max(duration, 1) for count, duration in zip(counts, durations, strict=True)], 0.0001),
        words=of([40.0 + count for count in counts]),
        tokens=of([45.0 + count for count in counts]),
        scores={"grounding": of([-0.1, 0.2, 0.3], 0.001), "judge": of([3.0, 4.5], 0.001)},
    )


def manifest(**counts: dict[str, int]) -> Manifest:
    given = {"licences": {"CC BY": 3}, "languages": {"": 3}} | counts
    return Manifest.model_construct(**given)


def chunks(png: bytes) -> Iterator[str]:
    """The names of the parts of a PNG file."""
    at = 8
    while at < len(png):
        (length,) = struct.unpack(">I", png[at : at + 4])
        yield png[at + 4 : at + 8].decode()
        at += 12 + length


def drawn(
    folder: Path, durations: list[float], agreement: Agreement | None = None, **counts: dict[str, int]
) -> dict[str, str]:
    folder.mkdir()
    plots = draw_plots(folder, manifest(**counts), figures(durations), agreement or Agreement())
    assert {plot.path for plot in plots} == {f"plots/{path.name}" for path in (folder / "plots").iterdir()}
    return {plot.path: plot.said for plot in plots}


def test_equal_figures_give_equal_bytes_without_a_date_or_a_program(tmp_path: Path) -> None:
    durations = [40.0 + 7 * n for n in range(60)]
    agreement = Agreement(verdict_alpha=Estimate(value=0.7, low=0.5, high=0.8, of=20), keyframe_f1=share(9, 10))
    said = drawn(tmp_path / "a", durations, agreement)
    assert drawn(tmp_path / "b", durations, agreement) == said
    assert len(said) == 9
    for path in said:
        first = (tmp_path / "a" / path).read_bytes()
        assert first == (tmp_path / "b" / path).read_bytes()
        assert set(chunks(first)) <= {"IHDR", "pHYs", "IDAT", "IEND"}
        with Image.open(io.BytesIO(first)) as picture:
            assert picture.width == 1440 and 400 < picture.height < 1600
            assert picture.getpixel((2, 2))[:3] == (251, 250, 247), "a light ground of its own, on dark pages too"
    assert "median 243" in said["plots/duration.png"] and "Instruct-V2Xum: 183 s" in said["plots/duration.png"]
    assert "verdicts, alpha 0.70 (0.50 to 0.80)" in said["plots/agreement.png"]


def test_the_users_own_settings_of_matplotlib_change_nothing(tmp_path: Path) -> None:
    import matplotlib

    drawn(tmp_path / "a", [50.0, 60.0])
    with matplotlib.rc_context({"font.size": 40, "axes.facecolor": "red", "text.usetex": False, "savefig.dpi": 30}):
        drawn(tmp_path / "b", [50.0, 60.0])
    for path in (tmp_path / "a" / "plots").iterdir():
        assert path.read_bytes() == (tmp_path / "b" / "plots" / path.name).read_bytes()


def test_any_licence_and_language_can_be_drawn_and_the_rest_is_summed(tmp_path: Path) -> None:
    names = {HOSTILE: 9, "": 7} | {f"n{number}": 1 for number in range(30)}
    said = drawn(tmp_path / "a", [50.0], licences=names, languages={HOSTILE: 1})
    assert "(none stated) 7 (15.2 %)" in said["plots/licences.png"] and "22 others 22" in said["plots/licences.png"]
    assert "w" * 50 not in said["plots/licences.png"]


@example(name="0" * 27, values=[0.0])
@given(name=st.text(max_size=40), values=st.lists(st.floats(0, 1e7), min_size=1, max_size=9))
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_whatever_the_numbers_and_names_a_picture_comes_out(name: str, values: list[float]) -> None:
    top = max(values)
    for png in (
        drawing.histogram(name, name, edges=[0, top + 1, 2 * top + 2], counts=[3, 0], lines=[Line(values[0], name)]),
        drawing.bars(name, [Bar(name, value, name) for value in values], name),
        drawing.ranges(name, [Range(name, 0.5, 0.1, 0.9, name)], name, low=0, high=1),
    ):
        with Image.open(io.BytesIO(png)) as picture:
            picture.verify()


def test_one_video_and_a_tail_can_be_drawn(tmp_path: Path) -> None:
    assert "1 video:" in drawn(tmp_path / "one", [12.0])["plots/duration.png"]
    tail = drawn(tmp_path / "tail", [50.0 + n % 9 for n in range(400)] + [36_000.0])
    assert "to 36,000" in tail["plots/duration.png"]
    drawn(tmp_path / "same", [0.0, 0.0])
