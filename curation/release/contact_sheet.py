"""The contact sheet of a release's row: one small JPEG of the keyframes, each with its time printed on it.

Pages and viewers show it as it is, so it is at most `WIDTH` pixels wide. Captions and summaries stand in columns beside
it; the demo's sheet (demo/contact_sheet.py) has texts too.
"""

from __future__ import annotations

import functools
import io
from collections.abc import Callable, Sequence

from PIL import Image, ImageDraw, ImageFont, ImageOps

from schemas.errors import PermanentError
from schemas.kit.picture_errors import PICTURE_ERRORS, PICTURE_FORMATS
from schemas.time import Seconds

WIDTH = 640
MOST_KEYFRAMES = 120  # of more, this many are shown, evenly chosen; the row's column has every time
_QUALITY, _GAP = 75, 2
_PAPER, _INK, _SHADE = "#fbfaf7", "#ffffff", "#1d1d1f"


def contact_sheet(times: Sequence[Seconds], read: Callable[[int], bytes], aspect: float) -> bytes:
    """The sheet of at least one keyframe as JPEG bytes; equal input gives equal bytes.

    `times` are those of the keyframes in seconds, `read` gives the JPEG of the keyframe at a position, `aspect` is the
    video's width / height. Raises PermanentError `unreadable_picture` for bytes that are no picture, and what `read`
    raises.
    """
    shown = evenly(len(times), MOST_KEYFRAMES)
    columns = _columns(len(shown))
    width = WIDTH // columns
    height = _GAP + round((width - _GAP) / min(max(aspect, 0.5), 2.4))
    sheet = Image.new("RGB", (columns * width, -(-len(shown) // columns) * height), _PAPER)
    for place, number in enumerate(shown):
        left, upper = place % columns * width, place // columns * height
        sheet.paste(_small(read(number), width - _GAP, height - _GAP), (left, upper))
        _label(sheet, left, upper + height - _GAP, label(times[number]))
    stream = io.BytesIO()
    sheet.save(stream, "JPEG", quality=_QUALITY)
    return stream.getvalue()


def label(time: Seconds) -> str:
    """The printed time in seconds, as the summaries cite it: `12 s`, `12.5 s`."""
    return f"{round(time, 2):g} s" if time < 100_000 else f"{time:.0f} s"


def evenly(count: int, most: int) -> list[int]:
    """The positions 0..count-1; of more than `most`, that many of them, evenly chosen, with the first and the last."""
    if count <= most:
        return list(range(count))
    return [round(place * (count - 1) / (most - 1)) for place in range(most)]


def _columns(count: int) -> int:
    return next(columns for columns, most in ((2, 2), (3, 6), (4, 16), (5, 40), (6, count)) if count <= most)


def _small(data: bytes, width: int, height: int) -> Image.Image:
    try:
        with Image.open(io.BytesIO(data), formats=PICTURE_FORMATS) as picture:
            picture.draft("RGB", (width, height))  # the decoder leaves out detail that the sheet would not show
            return ImageOps.pad(picture.convert("RGB"), (width, height), Image.Resampling.BILINEAR, color=_PAPER)
    except PICTURE_ERRORS as error:
        raise PermanentError("unreadable_picture", f"{len(data)} bytes: {error}") from error


def _label(sheet: Image.Image, left: int, lower: int, text: str) -> None:
    drawn, upper = _drawn(text)
    sheet.paste(drawn, (left, lower + upper))


@functools.lru_cache(maxsize=4096)
def _drawn(text: str) -> tuple[Image.Image, int]:
    """A printed time on its dark ground, and how far above the lower edge of the keyframe it begins (negative)."""
    font = _font()
    box = ImageDraw.Draw(Image.new("RGB", (1, 1))).textbbox((4, -3), text, font=font, anchor="ls")
    upper = round(box[1]) - 3
    ground = Image.new("RGB", (round(box[2]) + 4, 1 - upper), _SHADE)
    ImageDraw.Draw(ground).text((4, -3 - upper), text, _INK, font, anchor="ls")
    return ground, upper


@functools.cache
def _font() -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(12)
