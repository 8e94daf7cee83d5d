"""The contact sheet: its size, its times, and what it does with many or broken pictures."""

import io

import pytest
from PIL import Image, ImageChops

from curation.release.contact_sheet import MOST_KEYFRAMES, WIDTH, contact_sheet, evenly, label
from schemas.errors import PermanentError
from tests.curation.samples import picture


def sheet(count: int, aspect: float = 16 / 9, offset: float = 0.0) -> Image.Image:
    data = contact_sheet([place * 2.0 + offset for place in range(count)], lambda place: picture(place % 50), aspect)
    return Image.open(io.BytesIO(data))


@pytest.mark.parametrize("aspect", [16 / 9, 4 / 3, 9 / 16, 1000.0, 0.001])
@pytest.mark.parametrize("count", [1, 2, 3, 30, 98])
def test_a_sheet_is_at_most_640_pixels_wide_and_not_endless(count: int, aspect: float) -> None:
    drawn = sheet(count, aspect)
    assert drawn.format == "JPEG" and WIDTH - 8 <= drawn.width <= WIDTH and drawn.height <= 5000


def test_every_picture_and_every_time_is_drawn() -> None:
    """Each cell differs from the same cell with another picture, and with another time."""
    first, other_times = sheet(6), sheet(6, offset=0.5)
    width, height = first.width // 3, first.height // 2
    cells = [
        (column * width, line * height, (column + 1) * width, (line + 1) * height)
        for line in (0, 1)
        for column in (0, 1, 2)
    ]
    for cell in cells:
        difference = (
            ImageChops.difference(first.crop(cell), other_times.crop(cell)).convert("L").point(lambda v: 255 * (v > 60))
        )
        box = difference.getbbox()
        assert box is not None and box[1] > height // 2, "the time stands in the lower part"
    shown = {first.crop(cell).resize((1, 1)).getpixel((0, 0)) for cell in cells}
    assert len(shown) == 6


def test_equal_input_gives_equal_bytes() -> None:
    made = [contact_sheet([0.0, 1.5], picture, 1.0) for _ in range(2)]
    assert made[0] == made[1]


@pytest.mark.parametrize(
    ("time", "text"), [(0.0, "0 s"), (12.0, "12 s"), (12.5, "12.5 s"), (1234.56, "1234.56 s"), (1e6, "1000000 s")]
)
def test_times_are_printed_in_seconds_as_the_summaries_cite_them(time: float, text: str) -> None:
    assert label(time) == text


def test_of_too_many_keyframes_some_are_shown_with_the_first_and_the_last() -> None:
    chosen = evenly(1000, MOST_KEYFRAMES)
    assert (len(set(chosen)), chosen[0], chosen[-1]) == (MOST_KEYFRAMES, 0, 999)
    assert evenly(3, MOST_KEYFRAMES) == [0, 1, 2]
    assert sheet(1000).size == sheet(MOST_KEYFRAMES).size


@pytest.mark.parametrize("broken", [b"", b"no picture", picture(1)[:40]])
def test_bytes_that_are_no_picture_are_the_samples_fault(broken: bytes) -> None:
    with pytest.raises(PermanentError, match="unreadable_picture"):
        contact_sheet([0.0], lambda _: broken, 1.0)
