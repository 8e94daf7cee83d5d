"""The binding audit of a run: canaries, captions against their own and other videos' frames, repeated captions.

What is looked at per video is a seeded sample; what is decided is decided over the latest videos of the run, since one
video alone proves nothing. When an alarm rings in mode `enable`, the captions in doubt are withdrawn, the evidence is
written, and every thread of the run is stopped by BindingBroken.
"""

from __future__ import annotations

import logging
import random
import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from curation.binding.window import Alarm, CanaryResult, Compared, Shown, Window, caption_key
from models.clip import Clip
from schemas.binding import Binding, CanaryOutcome
from schemas.config import BindingConfig
from schemas.errors import BindingBroken
from schemas.records import CaptionSet, Effort, FrameSet
from schemas.time import FrameIndex

log = logging.getLogger(__name__)
_POOL = 512  # frames of the latest videos that captions are compared with

Vector = NDArray[np.float32]
Halt = Callable[[Alarm, Window, str], str]
"""Withdraws and writes down, for an alarm that a video's captions rang; returns the message for people."""


class _Pooled(NamedTuple):
    video_id: str
    text: str
    picture: Vector


class _Caption(NamedTuple):
    shown: Shown
    text: Vector
    own: float


class BindingAudit:
    """Checks videos as they come. Threads may share it. Memory is bounded whatever the number of videos."""

    def __init__(self, config: BindingConfig, clip: Callable[[], Clip | None], halt: Halt) -> None:
        """Bind the limits; `clip` gives the model when it is first needed, None: nothing is compared."""
        self._config, self._clip, self._halt = config, clip, halt
        self._lock = threading.Lock()
        self._window = Window(config)
        self._pool: deque[_Pooled] = deque(maxlen=_POOL)
        self._waiting: deque[_Caption] = deque(maxlen=4 * config.least)  # too few other videos had come
        self._broken: str | None = None
        self._halting: int | None = None  # the thread that gathers the evidence
        self._noted: str | None = None

    def raise_if_stopped(self) -> None:
        """Raise BindingBroken once an alarm has stopped the run; cheap."""
        if self._broken is not None and self._halting != threading.get_ident():
            raise BindingBroken(self._broken)

    def figures(self) -> dict[str, float | int | None]:
        """The shares (0..1) over the latest observations, and how many those are."""
        with self._lock:
            return self._window.figures()

    def check(
        self,
        video_id: str,
        frames: FrameSet,
        captions: CaptionSet,
        read: Callable[[FrameIndex], bytes],
        outcomes: Sequence[CanaryOutcome],
    ) -> Binding:
        """Look at a video's captions; `read(index)` gives a frame's JPEG, `outcomes` are of the canaries with them.

        Raises BindingBroken when the latest videos of the run, this one included, say that captions are not where they
        belong (mode `enable`).
        """
        if self._config.mode == "disable":
            return Binding(checked=False)
        self.raise_if_stopped()
        rng = random.Random(f"binding {captions.digest()}")  # noqa: S311
        shown = sample(video_id, frames, captions, self._config.sample, rng)
        clip = self._clip() if shown else None
        vectors = _embed(clip, shown, read) if clip is not None else []
        with self._lock:
            self.raise_if_stopped()
            own = self._observe(shown, vectors, outcomes, video_id, rng)
            alarm = self._window.alarm()
            if alarm is not None and self._config.mode == "enable":
                self._halting = threading.get_ident()  # it may still decode the pictures that it shows
                self._broken = f"captions are not where they belong: {alarm}"  # stops the other threads first
                try:
                    self._broken = self._halt(alarm, self._window, video_id)
                finally:
                    self._halting = None
                raise BindingBroken(self._broken)
        self._note(alarm)
        return Binding(
            checked=True,
            asked=len(outcomes),
            right=sum(outcome.right for outcome in outcomes),
            captions=len(shown),
            compared=sum(one.of for one in own),
            matched=sum(one.won for one in own),
            margin=round(sum(one.margin for one in own) / len(own), 4) if own else None,
            clip=clip.name if clip is not None else None,
            effort=sum((outcome.effort for outcome in outcomes), Effort()),
        )

    def _observe(
        self,
        shown: Sequence[Shown],
        vectors: Sequence[tuple[Vector, Vector]],
        outcomes: Sequence[CanaryOutcome],
        video_id: str,
        rng: random.Random,
    ) -> list[Compared]:
        """Add a video to the window and to the pool; returns its own comparisons."""
        self._window.add_canaries(CanaryResult(video_id, outcome) for outcome in outcomes)
        self._window.shown.extend(shown)
        seen = list(zip(shown, vectors, strict=False))  # no vectors at all without a model
        captions = [_Caption(one, text, float(picture @ text)) for one, (picture, text) in seen]
        pooled = [_Pooled(one.video_id, caption_key(one.text), picture) for one, (picture, _) in seen]
        # As many frames of a video as one caption is compared with: the pool speaks of many videos.
        self._pool.extend(rng.sample(pooled, min(len(pooled), self._config.others)))
        waiting, self._waiting = [*self._waiting, *captions], deque(maxlen=self._waiting.maxlen)
        own: list[Compared] = []
        for caption in waiting:
            compared = self._compare(caption, rng)
            if compared is None:
                self._waiting.append(caption)
                continue
            self._window.compared.append(compared)
            if caption.shown.video_id == video_id:
                own.append(compared)
        return own

    def _compare(self, caption: _Caption, rng: random.Random) -> Compared | None:
        """Compare with frames of other videos that have other captions; None while there are too few of them."""
        text = caption_key(caption.shown.text)
        others = [one for one in self._pool if one.video_id != caption.shown.video_id and one.text != text]
        if len(others) < self._config.others:
            return None
        cosines = [float(one.picture @ caption.text) for one in rng.sample(others, self._config.others)]
        won = sum(caption.own > cosine for cosine in cosines)
        return Compared(caption.shown, won, len(cosines), caption.own - sum(cosines) / len(cosines))

    def _note(self, alarm: Alarm | None) -> None:
        """Log an alarm that stops nothing, once for as long as it rings."""
        kind = None if alarm is None else alarm.kind
        if alarm is not None and kind != self._noted:
            log.warning("binding audit (score-only): %s", alarm)
        self._noted = kind


def sample(video_id: str, frames: FrameSet, captions: CaptionSet, size: int, rng: random.Random) -> list[Shown]:
    """Up to `size` captions that were written for their own frame, in frame order."""
    own = [caption for caption in captions.captions if caption.reused_from is None]
    chosen = sorted(rng.sample(own, min(size, len(own))), key=lambda caption: caption.index)
    looks = {frame.index: frame.phash for frame in frames.frames}
    return [Shown(video_id, one.index, one.text, looks[one.index]) for one in chosen]


def _embed(clip: Clip, shown: Sequence[Shown], read: Callable[[FrameIndex], bytes]) -> list[tuple[Vector, Vector]]:
    """Vectors of picture and text of each."""
    pictures = clip.embed_images([read(one.frame) for one in shown])
    texts = clip.embed_texts([one.text for one in shown])
    return list(zip(pictures, texts, strict=True))
