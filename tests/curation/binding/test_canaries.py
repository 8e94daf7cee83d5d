"""Canaries: their pictures, their number and places, and captions with and without them."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from curation.binding.canaries import build_painter, canary_count, canary_seeds, draw_canary, positions, recognized
from curation.text.caption import caption_frames
from demo.tiny_models.canaries import words_of
from demo.world import make_script
from schemas.binding import CanaryOutcomes
from schemas.configuration.config import BindingConfig, CaptionConfig
from schemas.errors import ConfigError, TransientError
from schemas.repository import DATA
from tests.curation.scripted import CAPTION_PROMPT, Scripted, make_frames, make_video, picture

DEMO = DATA / "demo" / "canaries"
SEEDS = st.integers().map(lambda number: canary_seeds(1, str(number))[0])


@pytest.mark.parametrize(
    ("said", "right"),
    [
        ("A red circle on a white background.", True),
        ("Two RED discs!", True),
        ("A reddish circle.", False),
        ("A red square.", False),
        ("A blue circle.", False),
        ("", False),
        ("circle (red)", True),
    ],
)
def test_recognized_means_one_word_of_every_group(said: str, right: bool) -> None:
    assert recognized((("red", "crimson"), ("circle", "disc")), said) is right


@given(seed=st.integers(0, 10**6), other=st.integers(0, 10**6))
def test_true_captions_of_the_demo_are_recognized_and_other_places_are_not(seed: int, other: int) -> None:
    one, two = (script.at(script.keyframes[0]) for script in (make_script(seed), make_script(other)))
    assert recognized(words_of(one), one.caption)
    assert one.place == two.place or not recognized(words_of(one), two.caption)


@pytest.mark.slow
@given(SEEDS)
@settings(max_examples=25)
def test_a_seed_gives_one_picture_and_another_seed_another(seed: str) -> None:
    for paint in (draw_canary, build_painter(BindingConfig(canary_pictures=str(DEMO)))):
        canary = paint(seed)
        assert canary == paint(seed)
        assert canary.image != paint(seed + "x").image
        assert canary.words and all(canary.words)
        with Image.open(io.BytesIO(canary.image)) as image:
            assert min(image.size) >= 240


@given(st.integers(0, 500), st.integers(0, 5), st.integers(1, 200))
def test_the_number_of_canaries_grows_with_the_captions(frames: int, canaries: int, every: int) -> None:
    config = BindingConfig(canaries=canaries, canary_every=every)
    count = canary_count(frames, config)
    assert count == sum(canaries for first in range(0, frames, every))
    assert canary_count(frames, config.model_copy(update={"mode": "disable"})) == 0
    assert len(set(canary_seeds(count, "run", "video"))) == count
    assert not set(canary_seeds(count, "run", "video")) & set(canary_seeds(count, "another run", "video"))


@pytest.mark.parametrize(
    "listing",
    [
        None,
        "no json",
        '{"pictures": []}',
        '{"pictures": [{"file": "../secret.jpg", "words": [["red"]]}]}',
        '{"pictures": [{"file": "missing.jpg", "words": [["red"]]}]}',
        '{"pictures": [{"file": "broken.jpg", "words": [["red"]]}]}',
        '{"pictures": [{"file": "good.jpg", "words": [[]]}]}',
        '{"pictures": [{"file": "good.jpg", "words": [["!"]]}]}',
    ],
)
def test_the_error_for_an_invalid_folder_says_what_it_must_hold(tmp_path: Path, listing: str | None) -> None:
    Image.new("RGB", (64, 48), (255, 0, 0)).save(tmp_path / "good.jpg")
    (tmp_path / "broken.jpg").write_bytes(b"no picture")
    if listing is not None:
        (tmp_path / "canaries.json").write_text(listing)
    with pytest.raises(ConfigError, match=r"binding\.canary_pictures.*canaries\.json"):
        build_painter(BindingConfig(canary_pictures=str(tmp_path)))


def test_the_demo_pictures_are_listed(tmp_path: Path) -> None:
    listed = json.loads((DEMO / "canaries.json").read_text())["pictures"]
    assert {one["file"] for one in listed} | {"canaries.json"} == {path.name for path in DEMO.iterdir()}


@pytest.mark.slow
@given(st.integers(1, 40), st.integers(0, 6), st.integers(1, 7), st.integers(0, 10**6))
def test_captions_are_the_same_with_canaries_among_them(frames: int, count: int, batch: int, seed: int) -> None:
    canaries = [draw_canary(one)._replace(image=f"canary {one}".encode()) for one in canary_seeds(count, str(seed))]
    kept: list[CanaryOutcomes] = []
    model = Scripted(lambda request: f"I see {(request.image or b'').decode()}", batch=batch)

    def ask(ride: bool):
        return caption_frames(
            make_video(),
            make_frames([None] * frames),
            picture,
            model,
            CAPTION_PROMPT,
            CaptionConfig(),
            canaries=canaries if ride else (),
            witness=kept.append,
        )

    assert ask(True) == ask(False)
    (outcomes, nothing) = kept
    assert nothing.outcomes == ()
    assert sorted(outcome.seed for outcome in outcomes.outcomes) == sorted(canary.seed for canary in canaries)
    assert all(outcome.said == f"I see canary {outcome.seed}" for outcome in outcomes.outcomes)
    places = positions(frames, canaries)
    assert all(0 <= place <= frames for place in places)
    images = [request.image or b"" for request in model.requests[: frames + count]]
    asked = [number for number, image in enumerate(images) if image.startswith(b"canary ")]
    assert [images[number] for number in asked] == [canary.image for canary in canaries]
    assert [number - earlier for earlier, number in enumerate(asked)] == places


def test_a_canary_that_the_server_refused_is_not_counted_and_one_that_failed_fails_its_batch() -> None:
    (canary,) = (draw_canary(seed)._replace(image=b"canary") for seed in canary_seeds(1))
    kept: list[CanaryOutcomes] = []

    def ask(finish: str) -> None:
        model = Scripted(lambda request: ("no", finish) if request.image == b"canary" else "a true caption")
        caption_frames(
            make_video(),
            make_frames([None] * 3),
            picture,
            model,
            CAPTION_PROMPT,
            CaptionConfig(attempts=1),
            canaries=[canary],
            witness=kept.append,
        )

    ask("refused")
    assert kept == [CanaryOutcomes()]
    with pytest.raises(TransientError, match="model_failed"):
        ask("failed")
    assert len(kept) == 1
    ask("length")  # cut off, but with some text
    assert [outcome.right for outcome in kept[1].outcomes] == [False]
