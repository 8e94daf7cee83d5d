"""One video outside of any workspace: found by its name, fetched, probed and sampled into a folder of the caller."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from curation.download.fetch import fetch
from curation.frames.files import read_frame
from curation.frames.sample import sample_frames
from curation.sources.read import read_sources
from curation.store.store import Store
from curation.video.probe import probe_safely
from curation.video.sandbox import Sandbox
from curation.video.sandboxes import Sandboxes
from schemas.configuration.config import DownloadConfig, FilterConfig, FrameConfig, RangeFilter, SourceSpec
from schemas.errors import ConfigError
from schemas.records import FrameSet, Rejection, Source, Video

_NO_FILTERS = FilterConfig(duration=RangeFilter(mode="disable"), height=RangeFilter(mode="disable"))


class OneVideo(NamedTuple):
    """A video with its file, the record of its sampled frames, and the folder that holds their pictures."""

    video: Video
    path: Path
    sampled: FrameSet
    folder: Path

    @property
    def read(self) -> Callable[[int], bytes]:
        """Gives the JPEG of a frame by its index."""
        return lambda index: read_frame(self.folder, index)


def single_source(at: str, base: Path) -> Source:
    """The one video that `at` names: a file, relative to `base`, or an address. Raises ConfigError for all else."""
    found = list(read_sources(SourceSpec(at=at), base=base))
    if len(found) != 1:
        raise ConfigError(f"{at} names {len(found)} videos: name one, or curate them with `v2xum curate`")
    if isinstance(found[0], Rejection):
        raise ConfigError(f"{at}: {found[0].reason}: {found[0].evidence}")
    return found[0]


def take_video(
    source: Source, download: DownloadConfig, sampling: FrameConfig, folder: Path, sandbox: Sandbox, children: Sandboxes
) -> OneVideo:
    """Fetch a video into FOLDER/store and sample it into FOLDER/frames. No filter refuses it.

    Raises StageError as `fetch` and `sample_frames`, and ConfigError as `sample_frames`.
    """
    store, frames = Store(folder / "store"), folder / "frames"
    frames.mkdir()
    video = fetch(
        source, download, _NO_FILTERS, store, probe=lambda path: probe_safely(path, sandbox), children=children
    )
    path = store.video(video)
    return OneVideo(video, path, sample_frames(video, path, sampling, frames, sandbox), frames)
