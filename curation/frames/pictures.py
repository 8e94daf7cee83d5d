"""The sampled pictures of a video in the store: sampled once, removed when not needed, sampled again on demand."""

from __future__ import annotations

import hashlib
import threading

from curation.frames.files import frames_key, keep_only, read_frame
from curation.frames.sample import sample_frames
from curation.store.store import Store
from curation.video.sandbox import Sandbox
from schemas.configuration.config import FrameConfig
from schemas.errors import PoisonError
from schemas.records import FrameSet, Video
from schemas.time import FrameIndex


class Pictures:
    """Gives sampled frames as JPEG bytes. Threads may share it."""

    def __init__(self, store: Store, config: FrameConfig, sandbox: Sandbox) -> None:
        """Keep the store, the sampling settings and the sandbox that decodes."""
        self.store = store
        self.config = config
        self.sandbox = sandbox
        self._making = threading.Lock()

    def sample(self, video: Video) -> FrameSet:
        """Sample a video into the store and return the record of its frames. Raises StageError as `sample_frames`."""
        path = self.store.path("videos", video.sha256, video.extension)
        with self.store.scratch() as folder:
            out = folder / "frames"
            out.mkdir()
            record = sample_frames(video, path, self.config, out, self.sandbox)
            self.store.commit_frames(out, frames_key(video.sha256, self.config))
        return record

    def read(self, video: Video, frames: FrameSet, index: FrameIndex) -> bytes:
        """The JPEG bytes of one frame; the video is sampled again when the picture was not kept.

        Raises PoisonError `picture_changed` when the hash of the picture is not the hash in the record.
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
            raise PoisonError("picture_changed", f"frame {index} decodes to another picture than the record describes")
        return data

    def thin(self, video: Video, keyframes: tuple[FrameIndex, ...]) -> None:
        """Remove the pictures that the configuration does not keep (`frames.keep`)."""
        if self.config.keep != "all":
            folder = self.store.frames(frames_key(video.sha256, self.config))
            keep_only(folder, keyframes if self.config.keep == "keyframes" else ())
