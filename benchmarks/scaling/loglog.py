"""A plot of lines with logarithmic axes, as SVG."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape

_LEFT, _TOP, _WIDTH, _HEIGHT = 70, 24, 460, 260
_COLOURS = ("#1b6ca8", "#b3541e", "#3b7d3b", "#6b4f9e")
_DASHES = ("", "7 3", "2 3", "9 3 2 3")


def loglog(title: str, x_label: str, y_label: str, lines: Mapping[str, Sequence[tuple[float, float]]]) -> str:
    """Lines by name, each of points (x, y) above 0. Raises ValueError without a point."""
    points = [point for line in lines.values() for point in line]
    if not points:
        raise ValueError("a plot needs a point")
    (left, right), (low, high) = (_decades(values) for values in zip(*points, strict=True))
    bottom, end = _TOP + _HEIGHT, _LEFT + _WIDTH

    def x(value: float) -> float:
        return _LEFT + _WIDTH * (math.log10(value) - left) / (right - left)

    def y(value: float) -> float:
        return bottom - _HEIGHT * (math.log10(value) - low) / (high - low)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {end + 200} {bottom + 50}" role="img" '
        'font-family="sans-serif" font-size="12">',
        f"<title>{escape(title)}</title>",
        '<rect width="100%" height="100%" fill="#fff"/>',
    ]
    for power in range(left, right + 1):
        at = x(10.0**power)
        parts.append(f'<path d="M{at:.1f} {_TOP}V{bottom}" stroke="#ddd"/>')
        parts.append(f'<text x="{at:.1f}" y="{bottom + 18}" text-anchor="middle">{10.0**power:,g}</text>')
    for power in range(low, high + 1):
        at = y(10.0**power)
        parts.append(f'<path d="M{_LEFT} {at:.1f}H{end}" stroke="#ddd"/>')
        parts.append(f'<text x="{_LEFT - 8}" y="{at + 4:.1f}" text-anchor="end">{10.0**power:,g}</text>')
    for number, (name, line) in enumerate(lines.items()):
        style = f'stroke="{_COLOURS[number % 4]}" stroke-width="2" stroke-dasharray="{_DASHES[number % 4]}"'
        path = "L".join(f"{x(a):.1f} {y(b):.1f}" for a, b in line)
        at = _TOP + 16 + 20 * number
        parts.append(f'<path d="M{path}" fill="none" {style}/>')
        parts.append(f'<path d="M{end + 12} {at}h24" {style}/><text x="{end + 42}" y="{at + 4}">{escape(name)}</text>')
    parts.append(f'<text x="{_LEFT + _WIDTH / 2}" y="{bottom + 40}" text-anchor="middle">{escape(x_label)}</text>')
    parts.append(f'<text x="{_LEFT}" y="{_TOP - 8}">{escape(y_label)}</text>')
    return "\n".join([*parts, "</svg>", ""])


def _decades(values: Sequence[float]) -> tuple[int, int]:
    """The powers of ten around the values, at least two."""
    low, high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
    return low, max(high, low + 1)
