"""Reads what the splits are made of from a finished workspace: the samples, their pictures, the earlier releases."""

from __future__ import annotations

import hashlib
import io
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from semver import Version

from curation.frames.pictures import Pictures
from curation.pipeline.thin import kept_pictures
from curation.release.in_order import in_order
from curation.release.splits.fingerprint import VIEWS, Fingerprint, Grays, NoPictures, fingerprint, gray
from curation.release.splits.items import SplitItem
from curation.release.versions import released
from curation.sources.addresses import youtube_id
from curation.store.files import write_whole
from schemas.errors import ConfigError, StageError, is_storage_full
from schemas.manifest import SPLITS, SplitName
from schemas.records import Publication, Sample

_FORM = 1  # raised when the same pictures give another fingerprint
_REMEMBERED = 1 << 16  # frames in memory, 1 kB each. Short videos that all look alike are decoded once, not once a pair

Published = Callable[[Sequence[str]], Iterator[Sample]]


class Remembered:
    """The pictures of the videos that were asked for last: of `most` frames together, and always of one video."""

    def __init__(self, read: Callable[[str], Grays], most: int) -> None:
        """`read` makes the pictures of a video; what it raises is not remembered."""
        self._read, self._most, self._frames = read, most, 0
        self._kept: OrderedDict[str, Grays] = OrderedDict()

    def __call__(self, name: str) -> Grays:
        """The pictures of a video."""
        if name not in self._kept:
            made = self._read(name)
            self._kept[name] = made
            self._frames += len(made)
        self._kept.move_to_end(name)
        while self._frames > self._most and len(self._kept) > 1:
            self._frames -= len(self._kept.popitem(last=False)[1])
        return self._kept[name]


class ItemReader:
    """Makes the `SplitItem` of each sample. Fingerprints are kept in the folder `cache` and read from there again."""

    def __init__(self, published: Published, pictures: Pictures, cache: Path) -> None:
        """`published` gives samples by id; `pictures` their sampled frames.

        Pictures that are decoded again are removed after use where the configuration does not keep them.
        """
        self._published = published
        self._pictures = pictures
        self._cache = cache
        self._grays = Remembered(self._read_grays, _REMEMBERED)

    def items(self, ids: Sequence[str]) -> list[SplitItem]:
        """The items of these samples, in their order; each takes some kB of memory, for its hashes."""
        return list(in_order(self._item, self._published(ids), "fingerprints"))

    def _item(self, sample: Sample) -> SplitItem:
        publication, video = sample.video.publication, sample.video
        title = publication.title or sample.source.title or ""
        addresses = (sample.source.uri, publication.webpage_url or "")
        return SplitItem(
            id=video.id,
            sha256=video.sha256,
            duration=video.duration or len(sample.frames.frames) / sample.frames.fps,
            category=publication.categories[0] if publication.categories else "",
            channel=channel_of(publication),
            title=title,
            text=f"{title}\n{sample.summary.v2t}",
            known_as=frozenset({video.id, *(found for each in addresses if (found := youtube_id(each)))}),
            fingerprint=self._fingerprint(sample),
        )

    def _fingerprint(self, sample: Sample) -> Fingerprint | None:
        """None when not even the pictures of the keyframes can be read."""
        keyframes, frames, name = sample.extract.keyframes, sample.frames, sample.video.id
        key = hashlib.sha256(f"{_FORM}\n{frames.digest()}\n{list(keyframes)}".encode()).hexdigest()
        kept = self._cache / key[:2] / f"{key}.npy"
        hashes = [frame.phash for frame in frames.frames]

        def picture(index: int) -> bytes:
            return self._pictures.read(sample.video, frames, frames.frames[index].index)

        def pictures() -> Grays:
            return self._grays(name)

        if (views := _kept(kept, len(hashes))) is not None:
            return Fingerprint(_numbers(hashes), views[:, 0].astype(np.intp), views[:, 1:], pictures)
        for only in (False, True):
            try:
                made = fingerprint(hashes, keyframes, picture, pictures, only_at_hand=only)
            except StageError:
                continue
            except OSError as error:  # a missing file, or bytes that are no picture
                if is_storage_full(error):
                    raise
                continue
            finally:
                self._pictures.thin(sample.video, kept_pictures(sample))
            buffer = io.BytesIO()
            np.save(buffer, np.column_stack([made.picks.astype(np.uint64), made.views]), allow_pickle=False)
            if not only:
                write_whole(kept, buffer.getvalue())
            return made
        return None

    def _read_grays(self, name: str) -> Grays:
        for sample in self._published([name]):
            frames = sample.frames
            try:
                read = (self._pictures.read(sample.video, frames, frame.index) for frame in frames.frames)
                return np.stack([gray(each) for each in read])
            except StageError as error:
                raise NoPictures(f"{name}: {error}") from error
            except OSError as error:
                if is_storage_full(error):
                    raise
                raise NoPictures(f"{name}: {error}") from error
            finally:
                self._pictures.thin(sample.video, kept_pictures(sample))
        raise NoPictures(f"{name} is no sample")


def channel_of(publication: Publication) -> str | None:
    """A key of who published a video: two videos with one key are of one channel. None when nobody is named."""
    named = publication.channel_id or publication.channel or publication.uploader
    return f"{publication.extractor or ''}:{named}" if named else None


def frozen_splits(releases: Path, version: Version) -> dict[str, SplitName]:
    """The split of every row that releases before `version` in the folder `releases` published; the latest counts.

    Raises ConfigError for a release that cannot be read: its rows could change their split unseen.
    """
    frozen: dict[str, SplitName] = {}
    for earlier in (each for each in released(releases) if each < version):
        for path in sorted((releases / str(earlier) / "default").glob("*.parquet")):
            try:
                table = pq.read_table(path, columns=["id", "split"])
            except (OSError, pa.ArrowException, UnicodeDecodeError, KeyError) as error:
                raise ConfigError(
                    f"{path}: cannot be read, so the splits that {earlier} published are unknown: {error}. `v2xum "
                    f"check {path.parent.parent}` says what is damaged; put back the file that was published"
                ) from error
            for name, split in zip(table["id"].to_pylist(), table["split"].to_pylist(), strict=True):
                if split not in SPLITS:
                    raise ConfigError(f"{path}: {name} is in {split!r}, which is none of {', '.join(SPLITS)}")
                frozen[name] = split
    return frozen


def _numbers(hashes: Sequence[str]) -> NDArray[np.uint64]:
    return np.array([int(each, 16) for each in hashes], np.uint64)


def _kept(path: Path, frames: int) -> NDArray[np.uint64] | None:
    """The picks and views of a kept fingerprint; None when there is none or its file is damaged."""
    try:
        table = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
    sound = table.dtype == np.uint64 and table.ndim == 2 and table.shape[1] == VIEWS + 1 and len(table)
    return table if sound and table[:, 0].max() < frames else None
