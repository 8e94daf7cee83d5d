"""The contact sheet of a sample: one PNG with its summary, and its keyframes with times and captions."""

from __future__ import annotations

import functools
import io
from bisect import bisect_right
from collections.abc import Callable
from typing import NamedTuple

from PIL import Image, ImageDraw, ImageFont, ImageOps

from models.decode_picture import decode_picture
from schemas.records import Caption, Sample
from schemas.safe_text import plain_line
from schemas.time import FrameIndex, Seconds, clock

MOST_KEYFRAMES = 120
_WIDTH, _MARGIN, _GAP = 1280, 36, 16
_MOST_SENTENCES = 16
_PAPER, _INK, _SOFT, _ACCENT, _LINE = "#fbfaf7", "#1d1d1f", "#6e6e73", "#b3401f", "#dcd9d0"

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


class _Grid(NamedTuple):
    """Columns, picture size (width, height) in pixels, and lines of caption under a picture."""

    columns: int
    width: int
    height: int
    lines: int


def contact_sheet(sample: Sample, read_image: Callable[[Sample, FrameIndex], bytes]) -> bytes:
    """The sheet as PNG bytes, 1280 pixels wide; equal input gives equal pixels.

    It shows at most 120 keyframes: of more, the first 120 and a note. Letters that the built-in font lacks appear as
    boxes. Raises PermanentError `unreadable_picture` for bytes that are no picture, and the errors of `read_image`.
    """
    keyframes = sample.extract.keyframes[:MOST_KEYFRAMES]
    captions = {caption.index: caption for caption in sample.captions.captions}
    grid = _grid(len(keyframes), sample.frames.width / sample.frames.height)
    head = _head(sample, len(keyframes))
    cell = grid.height + 28 + 19 * grid.lines + _GAP
    rows = -(-len(keyframes) // grid.columns)
    sheet = Image.new("RGB", (_WIDTH, _head_height(head) + rows * cell + _MARGIN), _PAPER)
    draw = ImageDraw.Draw(sheet)
    top = _draw_head(draw, head)
    for place, index in enumerate(keyframes):
        left = _MARGIN + place % grid.columns * (grid.width + _GAP)
        upper = top + place // grid.columns * cell
        frame = sample.frames.frames[index]
        sheet.paste(_picture(read_image(sample, index), grid), (left, upper))
        _draw_label(draw, (left, upper + grid.height + 6), grid, frame.time, captions.get(index))
    stream = io.BytesIO()
    sheet.save(stream, "PNG")
    return stream.getvalue()


def wrap(text: str, font: Font, width: float, lines: int) -> list[str]:
    """Break `text` into at most `lines` lines of at most `width` pixels; a cut text ends with an ellipsis."""
    words = plain_line(text[: 400 * lines]).split(" ")
    out: list[str] = []
    line = ""
    while words:
        word = words.pop(0)
        longer = f"{line} {word}" if line else word
        if font.getlength(longer) <= width:
            line = longer
            continue
        if not line:
            fits = max(1, bisect_right(range(1, len(word)), width, key=lambda n: font.getlength(word[:n])))
            line, word = word[:fits], word[fits:]
        out.append(line)
        line = ""
        if word:
            words.insert(0, word)
        if len(out) == lines:
            break
    if line:
        out.append(line)
    if words or len(text) > 400 * lines:
        last = out[-1]
        while last and font.getlength(last + "…") > width:
            last = last[:-1]
        out[-1] = last.rstrip() + "…"
    return out


class _Head(NamedTuple):
    """The head above the pictures: title lines, facts, and summary lines as (times or empty, text).

    `indent` is the width in pixels of the column of times.
    """

    title: list[str]
    facts: str
    summary: list[tuple[str, str]]
    indent: int


def _head(sample: Sample, shown: int) -> _Head:
    width = _WIDTH - 2 * _MARGIN
    title = sample.video.publication.title or sample.source.title or sample.video.id
    count, total = len(sample.extract.keyframes), len(sample.frames.frames)
    facts = f"{sample.video.id}   ·   {count} of {total} frames ({sample.extract.ratio:.1%})   ·   "
    facts += f"captions {sample.captions.maker.model}   ·   summary {sample.summary.maker.model}"
    if shown < count:
        facts += f"   ·   first {shown} keyframes shown"
    body: list[tuple[str, str]] = []
    sentences = sample.summary.v2vt
    cited = [
        ", ".join(clock(time) for time in sentence.times[:3]) + (" …" if len(sentence.times) > 3 else "")
        for sentence in sentences[:_MOST_SENTENCES]
    ]
    indent = 24 + int(max(_font(17).getlength(times) for times in cited))
    for times, sentence in zip(cited, sentences, strict=False):
        lines = wrap(sentence.text, _font(17), width - indent, 3)
        body += [(times if number == 0 else "", line) for number, line in enumerate(lines)]
    if len(sentences) > _MOST_SENTENCES:
        body.append(("", f"… and {len(sentences) - _MOST_SENTENCES} more sentences"))
    return _Head(wrap(title, _font(30), width, 2), wrap(facts, _font(15), width, 1)[0], body, indent)


def _head_height(head: _Head) -> int:
    return _MARGIN + 38 * len(head.title) + 34 + 24 * len(head.summary) + 34


def _draw_head(draw: ImageDraw.ImageDraw, head: _Head) -> int:
    y = _MARGIN
    for line in head.title:
        draw.text((_MARGIN, y), line, _INK, _font(30))
        y += 38
    draw.text((_MARGIN, y + 2), head.facts, _SOFT, _font(15))
    y += 34
    for time, line in head.summary:
        draw.text((_MARGIN, y), time, _ACCENT, _font(17))
        draw.text((_MARGIN + head.indent, y), line, _INK, _font(17))
        y += 24
    draw.line((_MARGIN, y + 12, _WIDTH - _MARGIN, y + 12), _LINE, 1)
    return y + 34


def _draw_label(
    draw: ImageDraw.ImageDraw, at: tuple[int, int], grid: _Grid, time: Seconds, caption: Caption | None
) -> None:
    draw.text(at, clock(time), _ACCENT, _font(16))
    text = caption.text if caption else ""
    for number, line in enumerate(wrap(text, _font(14), grid.width, grid.lines)):
        draw.text((at[0], at[1] + 22 + 19 * number), line, _INK, _font(14))


def _grid(count: int, aspect: float) -> _Grid:
    columns = 3 if count <= 6 else 4 if count <= 24 else 6 if count <= 60 else 8
    width = (_WIDTH - 2 * _MARGIN - (columns - 1) * _GAP) // columns
    return _Grid(columns, width, round(width / min(max(aspect, 1.0), 2.4)), 3 if columns <= 4 else 2)


def _picture(data: bytes, grid: _Grid) -> Image.Image:
    return ImageOps.pad(decode_picture(data), (grid.width, grid.height), color=_LINE)


@functools.cache
def _font(size: int) -> Font:
    return ImageFont.load_default(size)
