from __future__ import annotations

import io
import multiprocessing
import sqlite3
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from demo.render import draw
from demo.world import make_script
from evaluation.cases import Prediction, Reference
from evaluation.metrics.crossmodal import UNITS, CrossModalOptions, agreement, vt_clipscore
from evaluation.metrics.embeddings import Embedder, cross_modal, split_sentences
from evaluation.metrics.vector_cache import VectorCache
from models.build import build_clip
from models.clip import Clip, Vectors
from schemas.configuration.model_config import TransformersClip
from schemas.errors import ConfigError
from schemas.repository import DATA

FOLDER = DATA / "demo" / "clip"
SECONDS = (2, 8, 20, 30)


@pytest.fixture(scope="module")
def clip() -> Clip:
    return build_clip(TransformersClip(engine="transformers", model=str(FOLDER), batch=8))


@pytest.fixture(scope="module")
def world() -> list[tuple[list[bytes], list[str]]]:
    """Frames and captions of held-out videos of the demo's world."""
    made = []
    for number in range(5):
        script = make_script(70_000_000 + number)
        frames = []
        for second in SECONDS:
            store = io.BytesIO()
            draw(script, second).save(store, "JPEG")
            frames.append(store.getvalue())
        made.append((frames, [script.captions[second] for second in SECONDS]))
    return made


class Counted:
    """A CLIP that counts the items that it embeds."""

    def __init__(self, clip: Clip) -> None:
        self._clip, self.name = clip, clip.name
        self.pictures, self.texts = 0, 0

    def embed_images(self, images: Sequence[bytes]) -> Vectors:
        self.pictures += len(images)
        return self._clip.embed_images(images)

    def raw_image_vectors(self, images: Sequence[bytes]) -> Vectors:
        self.pictures += len(images)
        return self._clip.raw_image_vectors(images)

    def embed_texts(self, texts: Sequence[str]) -> Vectors:
        self.texts += len(texts)
        return self._clip.embed_texts(texts)


def test_nothing_is_embedded_twice(clip: Clip, world: list[tuple[list[bytes], list[str]]], tmp_path: Path) -> None:
    frames, captions = world[0]
    counted = Counted(clip)
    first = Embedder(counted, VectorCache(tmp_path / "v.sqlite"))
    images = first.pictures([*frames, *frames])
    assert counted.pictures == len(set(frames)) and images.vectors.shape == (8, 64) and not images.unreadable
    np.testing.assert_allclose(images.vectors[:4], clip.embed_images(frames), atol=1e-5)
    texts = first.texts(captions)
    asked = counted.texts
    second = Embedder(counted, VectorCache(tmp_path / "v.sqlite"))
    np.testing.assert_array_equal(second.pictures(frames).vectors, images.vectors[:4])
    np.testing.assert_array_equal(second.texts(captions), texts)
    assert second.made == 0 and (counted.pictures, counted.texts) == (len(set(frames)), asked)


def test_another_checkpoint_does_not_get_its_vectors(clip: Clip, tmp_path: Path) -> None:
    Embedder(Counted(clip), VectorCache(tmp_path / "v.sqlite")).texts(["a red circle"])
    other = Counted(clip)
    other.name = "another"
    embedder = Embedder(other, VectorCache(tmp_path / "v.sqlite"))
    embedder.texts(["a red circle"])
    assert embedder.made == 1


def test_a_text_within_the_context_keeps_its_own_vector(clip: Clip) -> None:
    text = "A red circle rests on the left. A green square moves up."
    embedder = Embedder(clip)
    np.testing.assert_allclose(embedder.texts([text])[0], clip.embed_texts([text])[0], atol=1e-5)
    assert embedder.cut == 0


def test_a_text_beyond_the_context_is_the_mean_of_its_sentences(clip: Clip) -> None:
    sentences = [
        f"A {colour} circle rests on the {side}." for colour in ("red", "green", "blue") for side in ("left", "right")
    ]
    many = sentences * 4
    (found,) = Embedder(clip).texts([" ".join(many)])
    mean = clip.embed_texts(many).mean(axis=0)
    np.testing.assert_allclose(found, mean / np.linalg.norm(mean), atol=1e-5)
    cut = clip.embed_texts([" ".join(many)])[0]
    assert not np.allclose(found, cut, atol=1e-3), "the CLIP alone would have cut it"


def test_every_word_of_a_sentence_that_is_too_long_counts(clip: Clip) -> None:
    start = "a red circle rests on the left and then " * 12
    embedder = Embedder(clip)
    one, other = embedder.texts([start + "a green square moves up", start + "a blue triangle moves down"])
    assert embedder.cut == 0 and not np.allclose(one, other, atol=1e-3)
    assert np.linalg.norm([one, other], axis=1) == pytest.approx(1, abs=1e-4)
    embedder.texts(["x" * 5000])
    assert embedder.cut >= 1, "a word cannot be taken apart"


@given(st.lists(st.text(st.characters(exclude_categories=[]), max_size=80), max_size=4))
@settings(max_examples=25)
def test_any_text_has_unit_vectors(clip: Clip, texts: list[str]) -> None:
    embedder = Embedder(clip)
    vectors = embedder.texts(texts)
    assert len(vectors) == len(texts) and np.allclose(np.linalg.norm(vectors, axis=-1), 1, atol=1e-3)
    for text, rows in zip(texts, embedder.sentences(texts), strict=True):
        assert len(rows) == len(split_sentences(text))


@given(st.text(st.characters(exclude_categories=[]), max_size=200))
def test_sentences_hold_all_letters_in_order(text: str) -> None:
    def letters(parts: list[str]) -> str:
        return "".join(c for c in "".join(parts) if c.isalnum())

    assert letters(split_sentences(text)) == letters([text])


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("A man cooks. He eats!  Done?", 3),
        ("Dr. Smith e.g. cooks 3.5 eggs, J. Doe vs. him.", 1),
        ("first line\nsecond line", 2),
        ("他做饭。然后吃饭！", 2),
        ('He says "stop." Then he leaves.', 2),
        (" ... \n !", 0),
    ],
)
def test_where_sentences_end(text: str, count: int) -> None:
    assert len(split_sentences(text)) == count


def test_a_broken_picture_does_not_take_its_batch_along(clip: Clip, world: list[tuple[list[bytes], list[str]]]) -> None:
    frames, _ = world[0]
    found = Embedder(clip).pictures([frames[0], b"no picture", frames[1]])
    assert list(found.unreadable) == [1] and "unreadable_picture" in found.unreadable[1]
    np.testing.assert_allclose(found.vectors[[0, 2]], clip.embed_images(frames[:2]), atol=1e-5)
    assert not found.vectors[1].any()


def test_damaged_vectors_are_made_anew(clip: Clip, tmp_path: Path) -> None:
    path = tmp_path / "v.sqlite"
    whole = Embedder(clip, VectorCache(path)).texts(["a red circle", "a green square"])
    with sqlite3.connect(path) as db:
        db.execute("UPDATE vectors SET vector = zeroblob(256) WHERE rowid = 1")
        db.execute("UPDATE vectors SET vector = 'text' WHERE rowid = 2")
    db.close()
    again = Embedder(clip, VectorCache(path))
    np.testing.assert_allclose(again.texts(["a red circle", "a green square"]), whole, atol=1e-6)
    assert again.made == 2


def test_what_is_no_cache_is_named(tmp_path: Path) -> None:
    (tmp_path / "v.sqlite").write_bytes(b"this is no database at all, whatever its name says" * 50)
    with pytest.raises(ConfigError, match=r"v\.sqlite.*remove it"):
        VectorCache(tmp_path / "v.sqlite")
    with pytest.raises(ConfigError, match="cannot be used"):
        VectorCache(tmp_path / "v.sqlite" / "below" / "a file")


def _fill(path: str, start: int) -> None:
    cache = VectorCache(Path(path))
    for number in range(start, start + 40):
        vector = np.zeros(8, np.float32)
        vector[number % 8] = 1
        cache.put({number.to_bytes(32): vector})


@pytest.mark.slow
def test_processes_share_a_cache(tmp_path: Path) -> None:
    path = str(tmp_path / "v.sqlite")
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=_fill, args=(path, start)) for start in (0, 20)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)
        assert writer.exitcode == 0
    assert len(VectorCache(Path(path)).get([number.to_bytes(32) for number in range(100)])) == 60


def flags(*places: int) -> np.ndarray:
    mask = np.zeros(40, bool)
    mask[list(places)] = True
    return mask


def make(world: list[tuple[list[bytes], list[str]]], number: int) -> Reference:
    frames, captions = world[number]
    return Reference(
        f"v{number}",
        40,
        selections=np.stack([flags(*SECONDS[:2]), flags(*SECONDS[2:])]),
        texts=(" ".join(f"{c}." for c in captions[:2]), captions[2]),
        pictures=dict(zip(SECONDS, frames, strict=True)),
    )


@pytest.mark.parametrize("text_unit", ["sentence", "text"])
def test_videos_are_measured_as_by_hand(clip: Clip, world: list[tuple[list[bytes], list[str]]], text_unit: str) -> None:
    options = CrossModalOptions(clip=clip.name, text_unit=text_unit)  # type: ignore[arg-type]
    cases = [
        (make(world, i), Prediction(f"v{i}", selected=flags(2, 20), text=". ".join(world[i][1]) + "."))
        for i in range(5)
    ]
    found = list(cross_modal(iter(cases), Embedder(clip), options))
    assert len(found) == 5
    for i, (values, undefined) in enumerate(found):
        pictures = clip.embed_images(world[i][0])
        reference, prediction = cases[i]
        assert not undefined and prediction.text is not None

        def said(text: str) -> Vectors:
            return clip.embed_texts(split_sentences(text) if text_unit == "sentence" else [text])

        def f(one: Vectors, other: Vectors) -> float:
            found = agreement(one, other)
            assert found is not None
            return found.f

        chosen, spoken = pictures[[0, 2]], Embedder(clip).texts([prediction.text])
        own = said(prediction.text) if text_unit == "sentence" else spoken
        f1 = np.mean([f(pictures[:2], chosen), f(pictures[2:], chosen)])
        down = np.mean([f(pictures[:2], own), f(pictures[2:], own)])
        up = np.mean([f(said(text), chosen) for text in reference.texts])
        assert values["f_clip"] == pytest.approx(f1, abs=1e-5)
        assert values["cross_f_clip"] == pytest.approx((down + up) / 2, abs=1e-5)
        assert values["vt_clipscore"] == pytest.approx(vt_clipscore(spoken[0], chosen), abs=1e-5)


def test_what_cannot_be_measured_says_why(clip: Clip, world: list[tuple[list[bytes], list[str]]]) -> None:
    reference = make(world, 0)
    broken = Reference(
        "b", 40, selections=reference.selections, texts=reference.texts, pictures=reference.pictures | {8: b""}
    )
    predictions = [
        (reference, Prediction("v0", failure="no output")),
        (reference, Prediction("v0", selected=flags(2, 3), text="x")),
        (broken, Prediction("b", selected=flags(2), text="x")),
        (reference, Prediction("v0", selected=flags(), text="")),
        (reference, Prediction("v0", text="a red circle")),
        (reference, Prediction("v0", selected=flags(2, 20))),
    ]
    options = CrossModalOptions(clip=clip.name)
    failed, gone, unreadable, empty, *parts = cross_modal(predictions, Embedder(clip), options)
    assert failed.values == dict.fromkeys(UNITS, 0.0) and not failed.undefined
    assert gone.values["f_clip"] is None and gone.undefined["f_clip"] == "no picture of a frame"
    assert unreadable.undefined == dict.fromkeys(("f_clip", "cross_f_clip"), "unreadable picture of a frame")
    assert unreadable.values["vt_clipscore"] is not None, "it needs none of the reference's frames"
    assert empty.values == dict.fromkeys(UNITS, 0.0)
    assert all(not part.undefined for part in parts), "others of the system have what is missing: it is worst"
    assert parts[0].values["f_clip"] == parts[0].values["vt_clipscore"] == parts[1].values["vt_clipscore"] == 0
    for case in (predictions[0], predictions[4]):
        (texts,) = cross_modal([case], Embedder(clip), options, frames=False)
        assert texts.undefined == dict.fromkeys(UNITS, "no frames or scores predicted"), "also for a failure"
    for case in (predictions[0], predictions[5]):
        (frames,) = cross_modal([case], Embedder(clip), options, text=False)
        assert frames.undefined == dict.fromkeys(("cross_f_clip", "vt_clipscore"), "no text predicted")


def test_what_no_answer_could_have_is_undefined_for_a_failure_too(
    clip: Clip, world: list[tuple[list[bytes], list[str]]]
) -> None:
    known = make(world, 0)
    options, failed = CrossModalOptions(clip=clip.name), Prediction("v0", failure="no output")
    textless = replace(known, texts=())
    pictureless = replace(known, pictures={})
    unchosen = replace(known, selections=np.zeros_like(known.selections))
    cases = [(reference, failed) for reference in (textless, pictureless, unchosen)]
    first, second, third = cross_modal(cases, Embedder(clip), options)
    assert first.undefined == {"cross_f_clip": "the reference has no text"} and first.values["f_clip"] == 0
    assert second.undefined == dict.fromkeys(UNITS, "no picture of a frame")
    assert third.undefined.keys() == {"f_clip", "cross_f_clip"} and third.values["vt_clipscore"] == 0


def test_the_options_must_name_the_loaded_clip(clip: Clip) -> None:
    with pytest.raises(ConfigError, match="ViT-L-14"):
        next(cross_modal([], Embedder(clip), CrossModalOptions(clip="ViT-L-14")))


def test_ready_features_take_the_place_of_pictures(clip: Clip, world: list[tuple[list[bytes], list[str]]]) -> None:
    reference = make(world, 0)
    prediction = Prediction("v0", selected=flags(2, 20), text="a red circle")
    options = CrossModalOptions(clip=clip.name)
    (expected,) = cross_modal([(reference, prediction)], Embedder(clip), options)
    bare = Reference("v0", 40, selections=reference.selections, texts=reference.texts)
    vectors = dict(zip(SECONDS, clip.embed_images(world[0][0]), strict=True))
    asked: list[list[int]] = []

    def features(video: Reference, frames: Sequence[int]) -> dict[int, Vectors]:
        asked.append(list(frames))
        return {frame: vectors[frame] for frame in frames if frame in vectors}

    (found,) = cross_modal([(bare, prediction)], Embedder(clip), options, features)
    assert found.values == pytest.approx(expected.values, abs=1e-5) and asked == [list(SECONDS)]
    (gone,) = cross_modal([(bare, Prediction("v0", selected=flags(3), text="x"))], Embedder(clip), options, features)
    assert gone.undefined["f_clip"] == "no picture of a frame"


def test_the_raw_variant_differs_in_one_metric_and_its_vectors_are_kept(
    clip: Clip, world: list[tuple[list[bytes], list[str]]], tmp_path: Path
) -> None:
    frames, captions = world[0]
    shown = dict(zip(SECONDS, frames, strict=True))
    chosen = np.isin(np.arange(40), SECONDS)
    reference = Reference("v", 40, selections=chosen[None], texts=(" ".join(captions),), pictures=shown)
    prediction = Prediction("v", selected=chosen, text="A red circle. A green square.")
    counted = Counted(clip)
    options = CrossModalOptions(clip=clip.name, vt_frames="raw")
    (raw,) = cross_modal([(reference, prediction)], Embedder(counted, VectorCache(tmp_path / "v.sqlite")), options)
    (unit,) = cross_modal([(reference, prediction)], Embedder(clip), CrossModalOptions(clip=clip.name))
    text = Embedder(clip).texts([prediction.text or ""])[0]
    vectors = clip.raw_image_vectors(frames)
    mean = vectors.mean(axis=0)
    assert np.ptp(np.linalg.norm(vectors, axis=1)) > 1e-3, "the lengths differ"
    assert raw.values["vt_clipscore"] == pytest.approx(float(mean @ text / np.linalg.norm(mean)), abs=1e-5)
    assert raw.values["vt_clipscore"] != pytest.approx(unit.values["vt_clipscore"], abs=1e-6)
    for name in ("f_clip", "cross_f_clip"):
        assert raw.values[name] == pytest.approx(unit.values[name], abs=1e-5)
    again = Embedder(counted, VectorCache(tmp_path / "v.sqlite"))
    assert list(cross_modal([(reference, prediction)], again, options)) == [raw] and again.made == 0
