"""Vectors of frames: made once, kept by content, resumed; what is missing is told by the video's name."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from curation.frames.files import frame_name
from models.build import build_tower
from schemas.configuration.model_config import TransformersClip
from schemas.errors import ConfigError, Interrupted
from schemas.repository import DATA
from training.examples import Release, read_release
from training.features import Features, MissingFeature, write_upstream

pytestmark = pytest.mark.slow
TOWER = TransformersClip(engine="transformers", model=str(DATA / "demo" / "clip"), batch=5)


@pytest.fixture(scope="module")
def read(release: Path) -> Release:
    return read_release(release)


@pytest.fixture(scope="module")
def made(read: Release, tmp_path_factory: pytest.TempPathFactory) -> Features:
    features = Features(tmp_path_factory.mktemp("features"), TOWER, read.sampling)
    features.make(read.examples, workers=2)
    return features


def test_vectors_are_those_of_the_sampled_frames(made: Features, read: Release, films_folder: Path) -> None:
    """The pictures of the films were sampled into the workspace by curation; here they were decoded anew."""
    example = read.examples[0]
    folder = films_folder / "frames" / example.id
    pictures = [(folder / frame_name(index)).read_bytes() for index in range(example.frames)]
    assert np.allclose(made.read(example), build_tower(TOWER).raw_image_vectors(pictures), atol=1e-5)
    assert not made.missing(read.examples)


def test_it_goes_on_after_the_last_finished_video(read: Release, tmp_path: Path) -> None:
    features, done = Features(tmp_path, TOWER, read.sampling), []

    def raise_if_stopped() -> None:
        if len(done) == 2:
            raise Interrupted("stopped")

    some = read.examples[:4]
    with pytest.raises(Interrupted):
        features.make(some, raise_if_stopped=raise_if_stopped, on_video=lambda n, of: done.append((n, of)))
    assert done == [(1, 4), (2, 4)] and features.missing(some) == list(some[2:])
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.npy")}
    features.make(some, on_video=lambda n, of: done.append((n, of)))
    assert done[2:] == [(1, 2), (2, 2)]
    assert all(path.stat().st_mtime_ns == when for path, when in before.items())


def test_another_sampling_or_tower_is_another_file(made: Features, read: Release, tmp_path: Path) -> None:
    example = read.examples[0]
    other = Features(tmp_path, TOWER, read.sampling.model_copy(update={"fps": 2.0}))
    assert other.path(example).name != made.path(example).name
    shutil.copytree(DATA / "demo" / "clip", tmp_path / "clip")
    (tmp_path / "clip" / "processor_config.json").write_bytes(
        b" " + (DATA / "demo/clip/processor_config.json").read_bytes()
    )
    changed = Features(tmp_path, TOWER.model_copy(update={"model": str(tmp_path / "clip")}), read.sampling)
    assert changed.name != made.name


def test_what_is_missing_or_wrong_names_the_video(made: Features, read: Release, tmp_path: Path) -> None:
    from dataclasses import replace

    example = read.examples[0]
    empty = Features(tmp_path, TOWER, read.sampling)
    with pytest.raises(MissingFeature, match=f"video {example.id} has no vectors"):
        empty.read(example)
    with pytest.raises(MissingFeature, match=rf"video {example.id} \(1 without vectors\) is not at hand.*v2xum media"):
        empty.make([replace(example, media=None)])
    with pytest.raises(MissingFeature, match=f"not the file from which the release has its video {example.id}"):
        empty.make([replace(example, media=read.examples[1].media)])
    text = tmp_path / "text.mp4"
    text.write_text("no video")
    from curation.store.files import hash_file

    with pytest.raises(MissingFeature, match=f"video {example.id} cannot be decoded"):
        empty.make([replace(example, media=text, video_sha256=hash_file(text)[0])])
    longer = replace(example, seconds=np.arange(99.0))
    with pytest.raises(MissingFeature, match=rf"video {example.id} gives \d+ frames, and the data say 99"):
        empty.make([longer])
    with pytest.raises(MissingFeature, match=f"video {example.id}.*for 99 frames"):
        made.read(longer)
    path = empty.path(example)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"\x93NUMPY")
    with pytest.raises(MissingFeature, match=f"video {example.id}.*damaged"):
        empty.read(example)
    np.save(path, np.full((example.frames, 4), np.nan, np.float32))
    with pytest.raises(MissingFeature, match="no numbers"):
        empty.read(example)


def test_upstreams_files(made: Features, read: Release, tmp_path: Path) -> None:
    write_upstream(tmp_path, made, read.examples[:2])
    for example in read.examples[:2]:
        vectors, own = np.load(tmp_path / f"{example.id}.npy"), made.read(example)
        assert vectors.shape == (100, own.shape[1]) and vectors.dtype == np.float32
        assert np.array_equal(vectors[0], own[0]) and np.array_equal(vectors[-1], own[-1])


def test_there_must_be_such_a_tower(read: Release, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="gone"):
        Features(tmp_path, TOWER.model_copy(update={"model": str(tmp_path / "gone")}), read.sampling)
