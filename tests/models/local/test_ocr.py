"""The real networks that read text in pictures: what is drawn is read where it stands, and nothing where nothing is.

rapidocr lies in a folder beside the environment (`make ocr`). One process reads all pictures, without a network.
"""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from models.build import build_reader
from models.checks import check_reader
from models.identity import identify_reader
from models.local.ocr import in_order, line_of
from models.reader import ReadLine
from schemas.configuration.model_config import RapidOcr
from schemas.errors import ConfigError
from tests.places import ROOT

PACKAGES = ROOT / ".venv-ocr"
FONT = Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"
CONFIG = RapidOcr(engine="rapidocr")
SCRIPT = """
import json, socket, sys, threading
from pathlib import Path

def refuse(*_arguments, **_named):
    raise AssertionError("nothing may be fetched")

socket.getaddrinfo = socket.create_connection = socket.socket.connect = refuse

from models.build import build_reader
from models.checks import check_reader
from models.identity import identify_reader
from schemas.configuration.model_config import RapidOcr
from schemas.errors import PermanentError

config = RapidOcr(engine="rapidocr", threads=1)
identity, loaded = identify_reader(config), "onnxruntime" in sys.modules
pictures = {path.stem: path.read_bytes() for path in sorted(Path(sys.argv[1]).iterdir())}
reader, told = build_reader(config), {}
by_two = [{}, {}]

def read(found):
    for name, picture in pictures.items():
        try:
            found[name] = reader.read(picture)
        except PermanentError as error:
            told[name] = str(error)

threads = [threading.Thread(target=read, args=(found,)) for found in by_two]
for thread in threads: thread.start()
for thread in threads: thread.join()
every, sure = (build_reader(RapidOcr(engine="rapidocr", min_confidence=least)) for least in (0.0, 1.0))
print(json.dumps({
    "identity": identity, "loaded": loaded, "reader": [reader.name, reader.revision],
    "check": [check.status for check in check_reader(config)], "found": by_two[0], "refused": told,
    "equal": by_two[0] == by_two[1], "noise": every.read(pictures["noise"]), "sure": sure.read(pictures["faint"]),
    "faint": every.read(pictures["faint"]),
}))
"""
# Text, size of the picture and the letters in pixels, and where the text begins.
CARDS = {
    "small": ("The river rose by 40 cm", (480, 270), 12, (200, 180)),
    "middle": ("Directed by Ann Lee", (480, 270), 20, (60, 120)),
    "large": ("Chapter 12", (640, 360), 72, (90, 200)),
    "strip": ("Breaking news tonight", (480, 24), 14, (30, 3)),
    "tall": ("Exit", (40, 500), 14, (4, 300)),
    "tiny": ("", (16, 16), 8, (0, 0)),
    "huge": ("Harbour Street", (4000, 2400), 160, (2000, 1700)),
    "empty": ("", (480, 270), 8, (0, 0)),
}
real = pytest.mark.skipif(
    not PACKAGES.exists() and find_spec("rapidocr") is None, reason="rapidocr is not there: make ocr"
)


def font(size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(str(FONT), size)


def card(text: str, size: tuple[int, int], letters: int, at: tuple[int, int]) -> Image.Image:
    picture = Image.new("RGB", size, (20, 60, 90))
    ImageDraw.Draw(picture).text(at, text, font=font(letters), fill="white")
    return picture


def jpeg(picture: Image.Image) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, "JPEG", quality=85)
    return stream.getvalue()


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What a process of its own finds in all pictures."""
    folder = tmp_path_factory.mktemp("pictures")
    pictures = {name: jpeg(card(*drawn)) for name, drawn in CARDS.items()}
    noise = np.random.default_rng(7).integers(0, 256, (270, 480, 3), np.uint8)
    pictures["noise"] = jpeg(Image.fromarray(noise))
    several = card("left of it", (480, 270), 18, (20, 30))
    for text, at in (("right of it", (300, 36)), ("below", (250, 90)), ("...", (20, 200))):
        ImageDraw.Draw(several).text(at, text, font=font(18), fill="white")
    pictures["several"] = jpeg(several)
    faint = card("Harbour Street", (480, 270), 20, (60, 120))
    pictures["faint"] = jpeg(faint.resize((110, 62)).resize((480, 270)))
    pictures |= {"words": b"no picture", "none": b"", "cut": pictures["middle"][:300]}
    for name, data in pictures.items():
        (folder / name).write_bytes(data)
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(folder)],
        env=os.environ | {"PYTHONPATH": os.pathsep.join((str(PACKAGES), str(ROOT)))},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stderr[-3000:]
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


@pytest.mark.slow
@real
@pytest.mark.parametrize("name", [name for name, drawn in CARDS.items() if drawn[0]])
def test_what_is_drawn_is_read_where_it_stands(told: dict[str, Any], name: str) -> None:
    text, (width, height), letters, at = CARDS[name]
    [[read, confidence, *box]] = told["found"][name]
    assert read == text and 0.6 <= confidence <= 1
    left, top, right, bottom = font(letters).getbbox(text)
    drawn = (left + at[0]) / width, (top + at[1]) / height, (right + at[0]) / width, (bottom + at[1]) / height
    for side, true, pixels in zip(box, drawn, (width, height, width, height), strict=True):
        assert 0 <= side <= 1 and abs(side - true) * pixels < 0.6 * letters + 2, (name, box, drawn)


@pytest.mark.slow
@real
@pytest.mark.parametrize("name", ["empty", "tiny", "noise"])
def test_where_nothing_is_written_nothing_is_read(told: dict[str, Any], name: str) -> None:
    assert told["found"][name] == [] and told["noise"] == []


@pytest.mark.slow
@real
def test_lines_are_in_order_and_have_a_letter(told: dict[str, Any]) -> None:
    assert [line[0] for line in told["found"]["several"]] == ["left of it", "right of it", "below"]


@pytest.mark.slow
@real
def test_doubtful_lines_are_left_out(told: dict[str, Any]) -> None:
    assert told["faint"] and all(line[1] < 1 for line in told["faint"]) and told["sure"] == []


@pytest.mark.slow
@real
def test_bytes_that_are_no_picture_are_an_error_of_their_video(told: dict[str, Any]) -> None:
    assert set(told["refused"]) == {"words", "none", "cut"}
    assert all("unreadable_picture" in error for error in told["refused"].values())


@pytest.mark.slow
@real
def test_two_threads_read_the_same(told: dict[str, Any]) -> None:
    assert told["equal"] and len(told["found"]) == len(CARDS) + 3


@pytest.mark.slow
@real
def test_the_identity_is_that_of_the_weights_and_needs_none_of_them(told: dict[str, Any]) -> None:
    name, revision, parameters = told["identity"]
    assert told["reader"] == [name, revision] and parameters == {"min_confidence": 0.6}
    assert name == "rapidocr" and len(revision.rpartition("-")[2]) == 12
    assert not told["loaded"] and told["check"] == ["ok"]


def installed(folder: Path, weights: bytes) -> None:
    """A package that has what the identity looks at."""
    package = folder / "rapidocr"
    (package / "models").mkdir(parents=True, exist_ok=True)
    (package / "__init__.py").touch()
    (folder / "rapidocr-3.10.9.dist-info").mkdir(exist_ok=True)
    (folder / "rapidocr-3.10.9.dist-info" / "METADATA").write_text("Name: rapidocr\nVersion: 3.10.9\n")
    for task in ("det", "rec"):
        (package / "models" / f"PP-OCRv6_{task}_small.onnx").write_bytes(weights)


def test_other_weights_and_other_parameters_are_another_identity(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "rapidocr", raising=False)
    installed(tmp_path, b"weights")
    first = identify_reader(CONFIG)
    assert first[1].startswith("3.10.9-")
    assert identify_reader(CONFIG.model_copy(update={"threads": 3})) == first
    assert identify_reader(CONFIG.model_copy(update={"min_confidence": 0.9}))[2] != first[2]
    installed(tmp_path, b"others")
    assert identify_reader(CONFIG)[1] != first[1]
    (tmp_path / "rapidocr" / "models" / "PP-OCRv6_rec_small.onnx").unlink()
    with pytest.raises(ConfigError, match=r"has no PP-OCRv6_rec_small\.onnx") as caught:
        identify_reader(CONFIG)
    assert str(tmp_path) not in str(caught.value)


def test_without_its_package_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "rapidocr", None)
    for find in (build_reader, identify_reader):
        with pytest.raises(ConfigError, match=r"pip install -e '\.\[ocr\]'"):
            find(CONFIG)
    [check] = check_reader(CONFIG)
    assert check.status == "fail" and "[ocr]" in check.fix and "take out" in check.fix


def test_hostile_text_becomes_a_plain_line() -> None:
    box = np.array([[0.1, -0.1], [0.9, 0.0], [1.2, 0.3], [0.2, 0.2]])
    line = line_of("e\u0301t\u00e9\x00 \ud800 \u202eof\n 2024", 1.0000001, box)
    assert line == ReadLine("\u00e9t\u00e9 of 2024", 1.0, 0.1, 0.0, 1.0, 0.3)
    cut = line_of("word " * 100, 0.7, box)
    assert cut is not None and len(cut.text) == 299
    assert line_of("\u2026 \u2014 !", 0.9, box) is None and line_of("\x00", 0.9, box) is None
    assert line_of("text", 0.9, box * 0) is None


def test_a_row_is_read_from_left_to_right_before_the_next() -> None:
    boxes = {
        "d": (0.1, 0.5, 0.9, 0.6),
        "b": (0.5, 0.1, 0.9, 0.2),
        "a": (0.1, 0.12, 0.4, 0.22),
        "c": (0.0, 0.21, 1, 0.3),
    }
    lines = [ReadLine(text, 1.0, *box) for text, box in boxes.items()]
    assert [line.text for line in in_order(lines)] == ["a", "b", "c", "d"]
