"""Makes the pictures of README and site from the workspace of `make demo`: `python -m flows.cli.reference.pictures`.

docs/images/sample.png is a sample: its contact sheet, and its summary on the time line beside it.
docs/images/terminal.svg shows real commands on that workspace with what they print.
"""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
from PIL import Image, ImageDraw, ImageFont
from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console
from rich.text import Text

from curation.release.contact_sheet import contact_sheet
from curation.store.files import write_whole
from schemas.repository import ROOT
from schemas.time import Seconds

WORKSPACE = Path("data/runs/demo/workspace")
IMAGES = ROOT / "docs" / "images"
SHOWN = "not_a_video"  # the rejection that is explained
_COLUMNS = 92
_PAPER, _INK, _TIME = "#ffffff", "#1d1d1f", "#3949ab"
_EDGE, _LINE, _TEXT = 24, 44, 480
_FONT_FACES = re.compile(r" *@font-face \{\{.*?\n    \}\}\n", re.DOTALL)  # they come from a network


def sample_picture(folder: Path) -> Image.Image:
    """The sample of an export whose summary has most sentences: contact sheet, and beside it a line a sentence."""
    rows = [row for file in sorted(folder.glob("data/*.parquet")) for row in pq.read_table(file).to_pylist()]
    row = max(rows, key=lambda each: (len(each["summary"]["v2vt"]), each["id"]))
    pictures = [keyframe["image"]["bytes"] for keyframe in row["keyframes"]]
    times = [Seconds(keyframe["time"]) for keyframe in row["keyframes"]]
    data = contact_sheet(times, pictures.__getitem__, row["file"]["width"] / row["file"]["height"])
    sheet = Image.open(io.BytesIO(data)).convert("RGB")
    sheet = sheet.resize((sheet.width * 3 // 2, sheet.height * 3 // 2), Image.Resampling.LANCZOS)
    page = Image.new("RGB", (sheet.width + _TEXT + 2 * _EDGE, sheet.height + 2 * _EDGE), _PAPER)
    page.paste(sheet, (_EDGE, _EDGE))
    drawing, font = ImageDraw.Draw(page), ImageFont.load_default(24)
    for number, sentence in enumerate(row["summary"]["v2vt"]):
        left, upper = float(sheet.width + 2 * _EDGE), _EDGE + number * _LINE
        marks = "".join(f"[{time:g}]" for time in sentence["times"])
        drawing.text((left, upper), marks, _TIME, font)
        drawing.text((left + drawing.textlength(marks, font) + 8, upper), sentence["text"], _INK, font)
    return page.quantize(128)


def terminal(*commands: tuple[str, ...]) -> str:
    """Run commands of `v2xum` in the checkout, and draw them with what they print as an SVG that loads nothing."""
    console = Console(record=True, width=_COLUMNS, file=Path(os.devnull).open("w"), force_terminal=True)  # noqa: SIM115
    environment = {**os.environ, "FORCE_COLOR": "1", "COLUMNS": str(_COLUMNS)}
    for words in commands:
        done = subprocess.run(
            [sys.executable, "-m", "flows.cli", *words],
            cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300, check=True,
        )  # fmt: skip
        console.print(Text(f"$ v2xum {' '.join(words)}", style="bold green"))
        console.print(Text.from_ansi(done.stdout.rstrip("\n")), soft_wrap=False)
        console.print()
    return console.export_svg(title="v2xum", code_format=_FONT_FACES.sub("", CONSOLE_SVG_FORMAT), unique_id="terminal")


def main() -> None:
    """Write both pictures."""
    sample_picture(ROOT / WORKSPACE / "export").save(IMAGES / "sample.png", optimize=True)
    rejections = (ROOT / WORKSPACE / "export" / "rejections.jsonl").read_text(encoding="utf-8")
    row = next(line for line in rejections.splitlines() if f'"{SHOWN}"' in line)
    found = re.search(r'"id": *"([^"]+)"', row)
    assert found is not None
    svg = terminal(("status", str(WORKSPACE)), ("explain", str(WORKSPACE), found[1]))
    write_whole(IMAGES / "terminal.svg", svg)


if __name__ == "__main__":
    main()
