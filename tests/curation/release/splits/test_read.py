"""What a workspace gives the splits: fingerprints of its pictures, channels, and what earlier releases published."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image
from semver import Version

from curation.frames.files import frame_name, frames_key
from curation.frames.pyav_sampler import PyavSampler
from curation.frames.similarity import look_at
from curation.release.make import FINGERPRINTS, make_release, plan_release
from curation.release.splits.cluster import near_duplicates
from curation.release.splits.known import fingerprints_of
from curation.release.splits.read import ItemReader, Remembered, channel_of, frozen_splits
from curation.status.standings import Standings
from curation.video.encode import encode_video
from curation.video.sandbox import Sandbox
from schemas.configuration.config import FrameConfig
from schemas.errors import ConfigError
from schemas.records import Publication, Sample
from tests.curation.finished import finished
from tests.curation.release.releases import NOTHING, release
from tests.curation.release.splits.videos import film, item, jpeg
from tests.curation.samples import make_sample
from tests.places import VIDEOS

REAL = ("cosmos_test_video_30s.mp4", "intel_person.mp4", "v2d_test_video.mp4")
V2, V3 = Version.parse("0.2.0"), Version.parse("0.3.0")


def published(root: Path, version: str, rows: dict[str, str]) -> Path:
    folder = root / version / "default"
    folder.mkdir(parents=True)
    (root / version / "manifest.json").write_text("{}")
    pq.write_table(pa.table({"id": list(rows), "split": list(rows.values())}), folder / "train-00000-of-00001.parquet")
    return folder


def test_the_latest_release_before_a_version_says_where_a_row_is(tmp_path: Path) -> None:
    published(tmp_path, "0.1.0", {"a": "train", "b": "test"})
    published(tmp_path, "0.2.0", {"b": "validation", "c": "test"})
    published(tmp_path, "0.10.0", {"a": "test"})
    assert frozen_splits(tmp_path, V3) == {"a": "train", "b": "validation", "c": "test"}
    assert frozen_splits(tmp_path, V2) == {"a": "train", "b": "test"}
    assert frozen_splits(tmp_path / "none", V2) == {}


def test_a_release_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    folder = published(tmp_path, "0.1.0", {"a": "sometimes"})
    with pytest.raises(ConfigError, match=r"0\.1\.0.*a is in 'sometimes'"):
        frozen_splits(tmp_path, V2)
    (folder / "train-00000-of-00001.parquet").write_bytes(b"PAR1broken")
    with pytest.raises(ConfigError, match=r"train-00000-of-00001\.parquet: cannot be read"):
        frozen_splits(tmp_path, V2)


def test_a_channel_is_known_by_its_id_and_its_site() -> None:
    one = Publication(extractor="Youtube", channel_id="UC1", channel="Films")
    assert channel_of(one) == channel_of(one.model_copy(update={"channel": "Films (new name)"}))
    assert channel_of(one) != channel_of(one.model_copy(update={"extractor": "Vimeo"}))
    assert channel_of(Publication(uploader="somebody")) == ":somebody"
    assert channel_of(Publication(extractor="Generic")) is None


@pytest.mark.slow
def test_fingerprints_are_kept_and_made_again_when_damaged(tmp_path: Path) -> None:
    made = [make_sample(f"v{number}") for number in range(2)]
    with finished(tmp_path / "w", made, "frames.keep=all") as (place, services):
        standings = Standings(services.view)
        cache = place.root / FINGERPRINTS

        def read() -> list[tuple[object, ...]]:
            items = ItemReader(standings.published, services.pictures, cache).items(standings.samples())
            assert all(each.fingerprint is not None for each in items), "its keyframes' pictures are there"
            return [
                (each.id, each.fingerprint.picks.tolist(), each.fingerprint.views.tolist())
                for each in items
                if each.fingerprint is not None
            ]

        first = read()
        files = sorted(cache.rglob("*.npy"))
        for file in files:
            file.write_bytes(file.read_bytes()[:-8])
        assert read() == first
        assert [name for name, _, _ in first] == ["v0", "v1"]


@pytest.mark.slow
def test_rows_of_an_earlier_release_keep_their_split(tmp_path: Path) -> None:
    made = [make_sample(f"v{number:03d}") for number in range(12)]
    with finished(tmp_path / "w", made) as (place, services):
        first = release(place, services)
        other = "export.splits.train=0", "export.splits.validation=0", "export.splits.test=1"
        assert first.split_report is not None and first.split_report.frozen == 0
        before = frozen_splits(place.root / "releases", V2)
        assert len(before) == 12
    with finished(tmp_path / "w2", made, *other) as (place, services):
        (place.root / "releases").mkdir()
        (tmp_path / "w" / "releases" / "0.1.0").rename(place.root / "releases" / "0.1.0")
        second = release(place, services, "0.2.0")
        assert frozen_splits(place.root / "releases", V3) == before
        assert second.split_report is not None and second.split_report.frozen == 12
        card = (place.root / "releases" / "0.2.0" / "README.md").read_text(encoding="utf-8")
        assert "rows that keep the split of an earlier release: 12;" in card


@pytest.mark.slow
def test_a_planted_copy_lands_in_the_split_of_its_original_in_every_configuration(tmp_path: Path) -> None:
    films = {f"v{number:03d}": film(number) for number in range(12)}
    films["copy"] = [each.crop((10, 6, 150, 116)).resize((160, 120)) for each in films["v004"]][4:]
    made = [filmed(name, shown) for name, shown in films.items()]
    halves = "export.splits.train=0.4", "export.splits.validation=0.3", "export.splits.test=0.3"
    with finished(tmp_path / "w", made, "frames.keep=all", *halves) as (place, services):
        for sample in made:
            folder = services.store.frames(frames_key(sample.video.sha256, services.config.frames))
            for frame, image in zip(sample.frames.frames, films[sample.video.id], strict=True):
                (folder / frame_name(frame.index)).write_bytes(jpeg(image))
        report = release(place, services).split_report
        assert report is not None
        assert report.clusters == (("copy", "v004"),)
        assert [(each.first, each.second, each.offset) for each in report.duplicates] == [("copy", "v004", 4)]
        assert report.not_compared == ()
        folder = place.root / "releases" / "0.1.0"
        for configuration in ("default", "full", "v2vt", "frames"):
            splits: dict[str, set[str]] = {}
            for path in folder.glob(f"{configuration}/*.parquet"):
                table = pq.read_table(path, columns=["id", "split"])
                for name, split in zip(table["id"].to_pylist(), table["split"].to_pylist(), strict=True):
                    splits.setdefault(name, set()).add(split)
            assert splits["copy"] == splits["v004"]
            assert set.union(*splits.values()) == {"train", "validation", "test"}
        card = (folder / "README.md").read_text(encoding="utf-8")
        assert "pairs of near duplicates: 1, in clusters: 1" in card


def filmed(name: str, shown: list[Image.Image]) -> Sample:
    """A finished sample whose frames are these pictures."""
    sample = make_sample(name, frames=len(shown), pictures=lambda index, *_: jpeg(shown[index]))
    hashed = [
        frame.model_copy(update={"phash": look_at(image).phash})
        for frame, image in zip(sample.frames.frames, shown, strict=True)
    ]
    return sample.model_copy(update={"frames": sample.frames.model_copy(update={"frames": tuple(hashed)})})


@pytest.mark.slow
def test_the_card_says_which_rows_a_benchmark_has(tmp_path: Path) -> None:
    made = [make_sample(f"v{number:03d}") for number in range(3)]
    known = tmp_path / "Known.txt"
    with finished(tmp_path / "w", made) as (place, services):
        title = made[0].video.publication.title or made[0].source.title
        assert title
        known.write_text(f"{title}\nAnother film\n", encoding="utf-8")
        manifest = make_release(plan_release(place, services, "0.1.0", NOTHING, benchmarks=[known]), services)
        assert manifest.split_report is not None
        hits = manifest.split_report.benchmark_hits
        assert {hit.id for hit in hits} >= {"v000"}
        assert {(hit.benchmark, hit.by) for hit in hits} == {("Known", "title")}
        card = (place.root / "releases" / "0.1.0" / "README.md").read_text(encoding="utf-8")
        assert "Known (0 ids, 2 titles, 0 files)" in card
        assert "| v000 |" in card


@pytest.mark.slow
@pytest.mark.groundtruth
def test_real_videos_encoded_again_cropped_and_cut_are_found_and_no_others(tmp_path: Path) -> None:
    if not VIDEOS.is_dir():
        pytest.skip("no videos beside the repository")
    folder, changed = tmp_path / "real", tmp_path / "changed"
    folder.mkdir()
    changed.mkdir()
    for name in REAL:
        (folder / name).symlink_to(VIDEOS / name)
        images = [sample.image for sample in PyavSampler(VIDEOS / name, Fraction(2), 144, 3600).samples()][6:]
        height, width = images[0].shape[:2]
        cut = [
            np.asarray(Image.fromarray(image).crop((width // 12, height // 20, width, height)).resize((192, 108)))
            for image in images
        ]
        encode_video(changed / name, cut, fps=2, options={"qp": "36"})
    with Sandbox(1) as sandbox:
        config = FrameConfig(short_side=144)
        known, copies = (fingerprints_of(each, config, sandbox).fingerprints for each in (folder, changed))
    items = [
        item(f"{kind} {name}", made) for kind, all_ in (("a", known), ("b", copies)) for name, made in all_.items()
    ]
    found = near_duplicates(items)
    assert {(items[first].id[2:], items[second].id[2:]) for first, second in found.copies} == {
        (Path(name).stem, Path(name).stem) for name in REAL
    }
    assert len(found.copies) == len(REAL)


def test_as_many_videos_are_remembered_as_their_frames_allow() -> None:
    read: list[str] = []

    def pictures(name: str) -> np.ndarray:
        read.append(name)
        return np.full((int(name), 32, 32), int(name), np.uint8)

    kept = Remembered(pictures, 10)
    for name in ("3", "4", "3", "2", "4"):
        assert (kept(name) == int(name)).all()
    assert read == ["3", "4", "2"]  # 9 frames
    kept("5")  # 3 was asked for first of all that are there, then 2
    kept("4")
    assert read == ["3", "4", "2", "5"]
    kept("20")  # alone
    kept("20")
    kept("4")
    assert read[4:] == ["20", "4"]
