"""The page and the curve of the study of splits."""

from __future__ import annotations

from benchmarks.split_study.figures import Quality, Speed
from curation.release.splits.register import COPY

_LEFT, _TOP, _WIDTH, _HEIGHT = 60, 30, 480, 260
_FIRST, _LAST = 0.5, 1.0
_COLOURS = {"recall": "#1b6ca8", "precision": "#b3541e"}


def plot(quality: Quality) -> str:
    """Precision and recall over the threshold of the correlation, as SVG."""
    bottom, right = _TOP + _HEIGHT, _LEFT + _WIDTH
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {right + 110} {bottom + 50}" role="img" '
        'font-family="sans-serif" font-size="12">',
        "<title>Precision and recall of pairs over the threshold of the correlation</title>",
        '<rect width="100%" height="100%" fill="#fff"/>',
    ]
    for step in range(6):
        value = step / 5
        y, x = bottom - value * _HEIGHT, _x(_FIRST + value * (_LAST - _FIRST))
        parts.append(f'<path d="M{_LEFT} {y:.1f}H{right}" stroke="#ddd"/>')
        parts.append(f'<text x="{_LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{value:.1f}</text>')
        parts.append(f'<text x="{x:.1f}" y="{bottom + 18}" text-anchor="middle">{_FIRST + value / 2:.1f}</text>')
    parts.append(f'<path d="M{_x(COPY):.1f} {_TOP}V{bottom}" stroke="#444" stroke-dasharray="4 3"/>')
    parts.append(f'<text x="{_x(COPY):.1f}" y="{_TOP - 8}" text-anchor="middle">used: {COPY:g}</text>')
    for name, colour in _COLOURS.items():
        points = [(_x(point.threshold), bottom - getattr(point, name) * _HEIGHT) for point in quality.curve]
        line = "L".join(f"{x:.1f} {y:.1f}" for x, y in points)
        dash = ' stroke-dasharray="7 3"' if name == "precision" else ""
        parts.append(f'<path d="M{line}" fill="none" stroke="{colour}" stroke-width="2"{dash}/>')
        at = _TOP + 120 + 20 * list(_COLOURS).index(name)
        parts.append(f'<path d="M{right + 12} {at}h24" stroke="{colour}" stroke-width="2"{dash}/>')
        parts.append(f'<text x="{right + 42}" y="{at + 4}">{name}</text>')
    middle = _LEFT + _WIDTH / 2
    parts.append(f'<text x="{middle}" y="{bottom + 40}" text-anchor="middle">smallest correlation of a copy</text>')
    return "\n".join([*parts, "</svg>", ""])


def page(quality: Quality, speed: Speed | None) -> str:
    """The page in Markdown."""
    lines = [
        "# Copies that the splits find",
        "",
        "`v2xum bench splits --out docs/results` writes this page. It renders scripts of the demo world as H.264 "
        "files, plants copies, samples all at one frame a second, and asks curation/release/splits for the copies.",
        "",
        f"Of {quality.videos} videos {quality.copies} are copies. Pairs of videos in one cluster: "
        f"**recall {quality.recall:.3f}, precision {quality.precision:.3f}** at the threshold {COPY:g}. The weakest "
        f"copy that was compared has a correlation of {quality.weakest_copy:.2f}, the strongest pair that is none "
        f"{quality.strongest_other:.2f}, where nearly all of the shorter video is common.",
        "",
        "![Precision and recall over the threshold](splits.svg)",
        "",
        "| copy | found | of |",
        "|---|---|---|",
        *(f"| {kind} | {found} | {count} |" for kind, (found, count) in quality.by_kind.items()),
        "",
        "| threshold | precision | recall |",
        "|---|---|---|",
        *(f"| {p.threshold:g} | {p.precision:.3f} | {p.recall:.3f} |" for p in quality.curve[::3]),
        "",
        f"{quality.looked_at:,} pairs were proposed and compared in {quality.cpu_seconds:.0f} CPU seconds.",
        "",
        "- The threshold was chosen on this set; the tests measure another seed.",
        "- Every copy is decoded from its original's file and encoded again at a lower quality, whatever else is done.",
        "- **cropped**: 2 to 12 % of each side. **trimmed**: 40 to 67 % is left, from any half second on. **uploaded "
        "again**: with another logo, bars above and below, 20 % brighter or darker.",
        "- One original in eight begins with the same eight seconds as others: that is no copy.",
        "- The demo world is harder than real video in one way: five places and thirty objects make many frames of "
        "different videos alike. It is easier in another: nothing in it is out of focus or shakes.",
        "- What changes the speed, turns the picture, or shows it in a corner of another is not looked for.",
    ]
    if speed is not None:
        lines += [
            "",
            "## Speed",
            "",
            f"{speed.videos:,} videos with {speed.hashes // speed.videos} random hashes each, {speed.questions:,} "
            f"hashes of views to look for: {speed.cpu_seconds:.0f} CPU seconds with the clusters, "
            f"{speed.times_faster:.0f} times as fast as exhaustive search (faiss IndexBinaryFlat). "
            f"{speed.found} of {speed.planted} planted copies were found.",
        ]
    return "\n".join([*lines, ""])


def _x(threshold: float) -> float:
    return _LEFT + _WIDTH * (threshold - _FIRST) / (_LAST - _FIRST)
