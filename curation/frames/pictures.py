"""The sampled pictures of a video in the store: sampled once, removed when not needed, sampled again on demand."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

from curation.frames.files import frame_name, frames_key, keep_only, read_frame
from curation.frames.sample import sample_frames
from curation.store.store import Store
from curation.video.sandbox import Sandbox
from schemas.configuration.config import FrameConfig
from schemas.errors import PoisonError, TransientError
from schemas.kit.single_flight import SingleFlight
from schemas.records import Frame, FrameSet, Video
from schemas.time import FrameIndex

_TRIES = 3
_REMEMBERED = 16  # records: videos with the same bytes come one soon after the other


class Pictures:
    """Gives sampled frames as JPEG bytes. Threads may share it; a video is decoded once, however many ask for it."""

    def __init__(
        self, store: Store, config: FrameConfig, sandbox: Sandbox, video_file: Callable[[Video], Path] | None = None
    ) -> None:
        """Keep the store, the sampling settings and the sandbox that decodes.

        `video_file` gives the file of a video, whole, or raises NotStored; the store's own `video` without it.
        """
        self.store = store
        self.config = config
        self.sandbox = sandbox
        self._video_file = video_file or store.video
        # A video's pictures are asked for one soon after the other, and the key is a hash of settings.
        self._key = lru_cache(maxsize=_REMEMBERED)(lambda sha256: frames_key(sha256, self.config))
        self._drawing: SingleFlight[FrameSet | None] = SingleFlight()
        self._drawn: OrderedDict[str, FrameSet] = OrderedDict()
        self._lock = threading.Lock()

    def sample(self, video: Video) -> FrameSet:
        """Sample a video into the store and return the record of its frames.

        Videos with the same bytes share the work. Raises StageError as `sample_frames`, and NotStored when the video's
        file is not in the store.
        """
        key = self._key(video.sha256)
        record = None
        while record is None:  # None comes from a thread that only read a picture
            record = self._drawing.run(key, lambda: self._remembered(key) or self._draw(video, key))
        return record

    def read(self, video: Video, frames: FrameSet, index: FrameIndex) -> bytes:
        """The JPEG bytes of one frame; the video is sampled again when the picture was not kept or is damaged.

        What `frames` describes and is there stays there, also where other software now decodes other pictures. Raises
        PoisonError `picture_changed` when the video decodes to another picture than the record describes,
        TransientError `picture_gone` when others remove the picture all the time, and what `sample` raises.
        """
        key, frame = self._key(video.sha256), frames.frames[index]
        for _ in range(_TRIES):
            try:
                # Asked each time: a borrowed store has them in another folder once they were drawn again.
                return read_frame(self.store.frames(key), index, frame.sha256)
            except FileNotFoundError:
                drawn = self._drawing.run(key, lambda: self._draw_unless_there(video, key, frames, frame))
            if drawn is not None and not _has(drawn, frame):
                reason = f"frame {index} decodes to another picture than the record describes"
                raise PoisonError("picture_changed", reason)
        raise TransientError("picture_gone", f"frame {index} was drawn {_TRIES} times, and removed each time")

    def thin(self, video: Video, keyframes: tuple[FrameIndex, ...]) -> None:
        """Remove the pictures that the configuration does not keep (`frames.keep`)."""
        if self.config.keep != "all":
            folder = self.store.frames(self._key(video.sha256))
            keep_only(folder, keyframes if self.config.keep == "keyframes" else ())

    def _draw_unless_there(self, video: Video, key: str, frames: FrameSet, frame: Frame) -> FrameSet | None:
        """Draw all pictures, unless another thread has done so since this one was missed (None).

        A picture that was just drawn and is another one would be so again: the record of that drawing is returned.
        """
        try:
            read_frame(self.store.frames(key), frame.index, frame.sha256)
        except FileNotFoundError:
            with self._lock:
                last = self._drawn.get(key)
            return last if last is not None and not _has(last, frame) else self._draw(video, key, frames)
        return None

    def _draw(self, video: Video, key: str, known: FrameSet | None = None) -> FrameSet:
        """Draw all pictures and return their record; kept ones that `known` describes stay as they are."""
        path = self._video_file(video)
        with self.store.scratch() as folder:
            out = folder / "frames"
            out.mkdir()
            record = sample_frames(video, path, self.config, out, self.sandbox)
            for frame in known.frames if known is not None else ():
                if not _has(record, frame):
                    with suppress(FileNotFoundError):
                        kept = read_frame(self.store.frames(key), frame.index, frame.sha256)
                        (out / frame_name(frame.index)).write_bytes(kept)
            self.store.commit_frames(out, key)
        with self._lock:
            self._drawn[key] = record
            self._drawn.move_to_end(key)
            if len(self._drawn) > _REMEMBERED:
                self._drawn.popitem(last=False)
        return record

    def _remembered(self, key: str) -> FrameSet | None:
        """The record of frames that were drawn a moment ago, if all of them are still there."""
        with self._lock:
            record = self._drawn.get(key)
        folder = self.store.frames(key)
        if record is None or not all((folder / frame_name(frame.index)).is_file() for frame in record.frames):
            return None
        return record


def _has(record: FrameSet, frame: Frame) -> bool:
    """Whether a record describes this very picture."""
    return frame.index < len(record.frames) and record.frames[frame.index].sha256 == frame.sha256
