"""The vectors of sampled frames: made once by a vision tower, kept by content, and read by name.

FOLDER/TOWER/KEY.npy    float32 [F, d] of one video, its F frames by time
FOLDER/EMBEDDER         of what is said, see spoken.py

The key is a hash of the video's bytes and of what decides which frames are sampled; the tower's name has the hash of
its weights. So a changed video, sampling or tower is another file, and nothing stale is ever read. A file is written as
a whole, so that a killed run goes on after the last finished video.
"""

from __future__ import annotations

import io
import re
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import numpy as np

from curation.frames.files import frames_key
from curation.frames.sample import check_backend, draw_frames
from curation.store.files import hash_file, write_whole
from curation.video.sandbox import Limits, Sandbox
from models.build import build_tower
from models.clip import Vectors, tower_vectors
from models.identity import features_name, tower_name
from models.summarizers.slots import SlotMap
from schemas.configuration.config import FrameConfig
from schemas.configuration.model_config import EmbedderConfig, TowerConfig
from schemas.errors import ConfigError, StageError
from training.examples import Example
from training.spoken import SpokenVectors

_UPSTREAM = 100  # vectors of a video in the files of V2Xum-LLaMA


class MissingFeature(ConfigError):
    """A video has no vectors; the message names it and the way out. No other video takes its place."""


class Features:
    """The vectors of the frames of videos, as one tower makes them, and of what is said while each is shown."""

    def __init__(
        self, folder: Path, tower: TowerConfig, sampling: FrameConfig, speech: EmbedderConfig | None = None
    ) -> None:
        """Keep them in `folder`; what is said is left out without `speech`, the embedder of it.

        No weights are loaded. Raises ConfigError when there is no such tower, or no such embedder.
        """
        self._config, self._sampling = tower, sampling
        self.name = features_name(tower, speech)  # what makes the vectors, with hashes of its weights
        self._tower = tower_name(tower)
        self._folder = folder / re.sub(r"[^A-Za-z0-9._-]", "_", self._tower)
        self._speech = SpokenVectors(folder, speech) if speech is not None else None

    @property
    def reads_speech(self) -> bool:
        """Whether vectors tell what is said."""
        return self._speech is not None

    def path(self, example: Example) -> Path:
        """The file of the vectors of a video's pictures, which need not exist."""
        return self._folder / f"{frames_key(example.video_sha256, self._sampling)}.npy"

    def read(self, example: Example) -> Vectors:
        """The vectors float32 [F, d]: of the picture, then of what is said.

        Raises as `of_pictures`, and ConfigError as `SpokenVectors.read`.
        """
        vectors = self.of_pictures(example)
        return vectors if self._speech is None else np.concatenate([vectors, self._speech.read(example)], axis=1)

    def of_pictures(self, example: Example) -> Vectors:
        """The vectors float32 [F, d] of the pictures alone.

        Raises MissingFeature where there are none, or not one for each frame.

        Within the slack of the example the last ones are left out, or the last one stands for the frames after it.
        """
        path = self.path(example)
        try:
            vectors = np.load(path, allow_pickle=False)
        except FileNotFoundError:
            told = f"video {example.id} has no vectors of {self._tower} in {self._folder}"
            raise MissingFeature(f"{told}: `v2xum train` makes them where the video is at hand") from None
        except (OSError, ValueError, EOFError) as error:
            raise MissingFeature(f"{path} (video {example.id}) is damaged: remove it, and train again") from error
        if vectors.ndim == 2 and 0 < abs(len(vectors) - example.frames) <= example.slack and len(vectors):
            vectors = vectors[np.minimum(np.arange(example.frames), len(vectors) - 1)]
        if vectors.dtype != np.float32 or vectors.ndim != 2 or len(vectors) != example.frames:
            told = f"{' x '.join(map(str, vectors.shape))} values of {vectors.dtype} for {example.frames} frames"
            raise MissingFeature(f"{path} (video {example.id}) holds {told}: remove it, and train again")
        if not np.isfinite(vectors).all():
            raise MissingFeature(
                f"{path} (video {example.id}) holds values that are no numbers: see the tower's weights"
            )
        return np.asarray(vectors, np.float32)

    def missing(self, examples: Sequence[Example]) -> list[Example]:
        """The examples whose vectors must be made."""
        return [
            example
            for example in examples
            if not self.path(example).is_file()
            or (self._speech is not None and not self._speech.path(example).is_file())
        ]

    def _unseen(self, examples: Sequence[Example]) -> list[Example]:
        return [example for example in examples if not self.path(example).is_file()]

    def make(
        self,
        examples: Sequence[Example],
        *,
        workers: int = 1,
        raise_if_stopped: Callable[[], None] = lambda: None,
        on_video: Callable[[int, int], None] = lambda done, videos: None,
    ) -> None:
        """Make what is missing: `workers` videos are decoded at once, and embedded one after the other.

        Raises MissingFeature, which names the video, when its file is not at hand, is another file, cannot be decoded,
        or gives another number of frames than the release says; ConfigError; RunStopped of `raise_if_stopped`.
        """
        wanted = self._unseen(examples)
        for example in wanted:  # before hours are spent
            if example.media is None:
                raise MissingFeature(
                    f"video {example.id} ({len(wanted)} without vectors) is not at hand: `v2xum media` or "
                    "`v2xum reconstruct` fills a folder with the videos of a release; name it by --media"
                )
        if self._speech is not None:
            self._speech.make(examples, raise_if_stopped)
        if not wanted:
            return
        check_backend(self._sampling)
        tower = build_tower(self._config)
        for done, (example, pictures) in enumerate(self._decoded(wanted, workers, raise_if_stopped), start=1):
            self.keep(example, tower_vectors(tower, pictures))
            on_video(done, len(wanted))

    def keep(self, example: Example, vectors: Vectors) -> None:
        """Keep the vectors of a video's pictures."""
        buffer = io.BytesIO()
        np.save(buffer, vectors)
        write_whole(self.path(example), buffer.getvalue())

    def _decoded(
        self, examples: Sequence[Example], workers: int, raise_if_stopped: Callable[[], None]
    ) -> Iterator[tuple[Example, Iterator[bytes]]]:
        """Each example with its pictures; a few videos ahead of the one that is embedded, so that disk stays free."""
        with ExitStack() as stack:
            sandbox = stack.enter_context(Sandbox(workers, self._sampling.memory_megabytes, raise_if_stopped))
            scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="v2xum-frames-")))
            pool = stack.enter_context(ThreadPoolExecutor(workers))
            waiting: dict[str, Future[Path]] = {}
            stack.callback(lambda: [future.cancel() for future in waiting.values()])
            ahead = iter(examples)
            for example in examples:
                while len(waiting) < workers + 1 and (following := next(ahead, None)) is not None:
                    waiting[following.id] = pool.submit(self._draw, following, scratch, sandbox)
                folder = waiting.pop(example.id).result()
                raise_if_stopped()
                files = sorted(folder.iterdir())
                yield example, (path.read_bytes() for path in files)
                for path in files:
                    path.unlink()

    def _draw(self, example: Example, scratch: Path, sandbox: Sandbox) -> Path:
        path = example.media
        assert path is not None  # the caller has looked
        try:
            if hash_file(path)[0] != example.video_sha256:
                raise MissingFeature(f"{path} is not the file from which the release has its video {example.id}")
            out = scratch / example.id
            out.mkdir()
            limits = Limits(self._sampling.wall_seconds, self._sampling.memory_megabytes)
            drawn = sandbox.run(draw_frames, path, self._sampling, out, limits=limits)
        except StageError as error:
            raise MissingFeature(
                f"video {example.id} cannot be decoded ({error}): leave it out of the release"
            ) from error
        except OSError as error:
            raise MissingFeature(f"video {example.id}: {path} cannot be read: {error.strerror}") from error
        if abs(len(drawn.frames) - example.frames) > example.slack:
            told = f"video {example.id} gives {len(drawn.frames)} frames, and the data say {example.frames}"
            raise MissingFeature(f"{told}: if they are a release, curate the video again")
        return out


def write_upstream(folder: Path, features: Features, examples: Sequence[Example], count: int = _UPSTREAM) -> None:
    """Write `{id}.npy` float32 [100, d] for each video, as V2Xum-LLaMA's loader reads them: of pictures alone."""
    for example in examples:
        vectors = features.of_pictures(example)
        buffer = io.BytesIO()
        np.save(buffer, vectors[SlotMap(count).shown(len(vectors))])
        write_whole(folder / f"{example.id}.npy", buffer.getvalue())
