"""The sampled pictures of a video: made once, thinned out when they are no longer needed, made again when they are."""

from __future__ import annotations

import hashlib
import threading

from curation.frames.files import frames_key, keep_only, read_frame
from curation.frames.sample import sample_frames
from curation.store.store import Store
from curation.video.sandbox import Sandbox
from schemas.config import FrameConfig
from schemas.errors import PoisonError
from schemas.records import FrameSet, Video
from schemas.time import FrameIndex


class Pictures:
    """Access to sampled frames as JPEG bytes. Threads may share it."""

    def __init__(self, store: Store, config: FrameConfig, sandbox: Sandbox) -> None:
        """Bind the store and the sampling settings."""
        self.store = store
        self.config = config
        self.sandbox = sandbox
        self._making = threading.Lock()

    def sample(self, video: Video) -> FrameSet:
        """Decode a video into the store and describe its frames. Raises StageError as `sample_frames` does."""
        path = self.store.path("videos", video.sha256, video.extension)
        with self.store.scratch() as folder:
            out = folder / "frames"
            out.mkdir()
            record = sample_frames(video, path, self.config, out, self.sandbox)
            self.store.commit_frames(out, frames_key(video.sha256, self.config))
        return record

    def read(self, video: Video, frames: FrameSet, index: FrameIndex) -> bytes:
        """JPEG bytes of one frame, decoded again when it was not kept.

        Raises PoisonError when the picture is not the one that the record speaks of.
        """
        folder = self.store.frames(frames_key(video.sha256, self.config))
        wanted = frames.frames[index].sha256
        try:
            data = read_frame(folder, index)
        except FileNotFoundError:
            data = b""
        if hashlib.sha256(data).hexdigest() == wanted:
            return data
        with self._making:
            self.sample(video)
        data = read_frame(folder, index)
        if hashlib.sha256(data).hexdigest() != wanted:
            raise PoisonError("picture_changed", f"frame {index} decodes to another picture than the one described")
        return data

    def thin(self, video: Video, keyframes: tuple[FrameIndex, ...]) -> None:
        """Drop the pictures that the configuration does not keep."""
        if self.config.keep != "all":
            folder = self.store.frames(frames_key(video.sha256, self.config))
            keep_only(folder, keyframes if self.config.keep == "keyframes" else ())
