"""The binding audit of a run: canaries, comparisons of captions with their own and other frames, and repetitions.

Captions, summaries and choices of keyframes that repeat over unlike videos are repetitions. Of each video a seeded
sample of captions is checked. An alarm is decided over the latest videos of the run, because one video alone proves
nothing. At an alarm in mode `enable`, results that may be wrong are withdrawn, the evidence is written, and
BindingBroken stops every thread of the run.
"""

from __future__ import annotations

import logging
import random
import threading
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import NamedTuple, NoReturn

from curation.binding.measure import Vector, compare_within, draw_captions, embed, random_of
from curation.binding.parts import CaptionsPart, FramesPart
from curation.binding.repeats import Observation, RepeatFigures, Repeats
from curation.binding.window import Alarm, CanaryResult, Compared, Shown, Window, caption_key
from models.clip import Clip
from schemas.binding import Binding, CanaryOutcome
from schemas.configuration.config import BindingConfig
from schemas.errors import BindingBroken
from schemas.records import CaptionSet, Effort, FrameSet
from schemas.time import FrameIndex

log = logging.getLogger(__name__)
REPEAT = "unlike videos have the same summary or keyframes"
_POOL = 512  # frames of the latest videos that captions are compared with

Halt = Callable[[Alarm, Window, str], str]
"""Takes the alarm, the window and the id of the video; withdraws captions, writes the evidence, returns a message."""
HaltRepeats = Callable[[Alarm, Sequence[Observation]], str]
"""Takes the alarm and the videos that repeat each other; withdraws their results, and so on."""


class _Pooled(NamedTuple):
    video_id: str
    text: str
    picture: Vector


class _Caption(NamedTuple):
    shown: Shown
    text: Vector
    own: float


class BindingAudit:
    """Checks the videos of a run one by one. Threads may share it. Memory does not grow with the number of videos."""

    def __init__(
        self,
        config: BindingConfig,
        clip: Callable[[], Clip | None],
        halt: Halt,
        halt_repeats: HaltRepeats,
        finished: Callable[[], Iterable[Observation]] = tuple,
    ) -> None:
        """Keep the limits. `clip` returns the model when it is first needed; with None no captions are compared.

        `finished` gives the latest videos that earlier runs finished, in order; it is called once, when it is needed.
        """
        self._config, self._clip, self._halt, self._halt_repeats = config, clip, halt, halt_repeats
        self._lock = threading.Lock()
        self._window = Window(config)
        self._repeats = Repeats(config)
        self._finished: Callable[[], Iterable[Observation]] | None = finished
        self._pool: deque[_Pooled] = deque(maxlen=_POOL)
        self._waiting: deque[_Caption] = deque(maxlen=4 * config.least)  # until there are enough other videos
        self._broken: str | None = None
        self._halting: int | None = None  # the thread that gathers the evidence
        self._noted: str | None = None
        self._noted_repeats: set[str] = set()  # once a run: the next video often ends and renews such an alarm

    def raise_if_stopped(self) -> None:
        """Raise BindingBroken once an alarm has stopped the run. The call is cheap."""
        if self._broken is not None and self._halting != threading.get_ident():
            raise BindingBroken(self._broken)

    def figures(self) -> dict[str, float | int | None]:
        """The shares (0..1) over the latest observations, and the numbers of these observations."""
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
        """Check the captions of a video and return the record of the check.

        `read(index)` gives a frame's JPEG; `outcomes` are those of the canaries that were captioned with the video.
        Raises BindingBroken in mode `enable` when the latest videos of the run, this one included, raise an alarm.
        """
        if self._config.mode == "disable":
            return Binding(checked=False)
        self.raise_if_stopped()
        rng = random_of(captions.digest())
        shown = draw_captions(video_id, frames, captions, self._config.sample, rng)
        clip = self._clip() if shown else None
        vectors = embed(clip, shown, read) if clip is not None else []
        with self._lock:
            self.raise_if_stopped()
            own = self._observe(shown, vectors, outcomes, video_id, rng)
            alarm = self._ring(video_id)
        self._note(alarm)
        own_matched, own_compared = compare_within(shown, vectors)
        return Binding(
            checked=True,
            asked=len(outcomes),
            right=sum(outcome.right for outcome in outcomes),
            captions=len(shown),
            own_compared=own_compared,
            own_matched=own_matched,
            compared=sum(compared.of for compared in own),
            matched=sum(compared.won for compared in own),
            margin=round(sum(compared.margin for compared in own) / len(own), 4) if own else None,
            clip=clip.name if clip is not None else None,
            effort=sum((outcome.effort for outcome in outcomes), Effort()),
        )

    def add_checked(
        self,
        video_id: str,
        frames: FramesPart,
        captions: CaptionsPart,
        digest: str,
        binding: Binding,
        outcomes: Sequence[CanaryOutcome],
    ) -> None:
        """Add a video that another process checked to the window. Raises BindingBroken as `check`.

        `digest` is that of the captions. The record has the sums of the video's comparisons: each of its compared
        captions counts with their share.
        """
        if self._config.mode == "disable" or not binding.checked:
            return
        shown = draw_captions(video_id, frames, captions, self._config.sample, random_of(digest))
        count = binding.compared // self._config.others
        margin = binding.margin or 0.0
        with self._lock:
            self.raise_if_stopped()
            self._window.add_canaries(CanaryResult(video_id, outcome) for outcome in outcomes)
            self._window.shown.extend(shown)
            self._window.compared.extend(
                Compared(caption, binding.matched, binding.compared, margin) for caption in shown[:count]
            )
            alarm = self._ring(video_id)
        self._note(alarm)

    def check_summary(self, observed: Observation) -> None:
        """Compare the summary and the keyframes of a video with those of the latest videos.

        Raises BindingBroken in mode `enable` when they repeat what unlike videos have.
        """
        if self._config.mode == "disable":
            return
        with self._lock:
            self.raise_if_stopped()
            self._remember()
            alarm = self._repeats.add(observed)
            if alarm is not None and self._config.mode == "enable":
                group = self._repeats.group(alarm.videos)
                self._stop(f"{REPEAT}: {alarm}", partial(self._halt_repeats, alarm, group))
        if alarm is not None and alarm.kind not in self._noted_repeats:
            self._noted_repeats.add(alarm.kind)
            log.warning("binding audit (score-only): %s", alarm)

    def repeat_figures(self) -> RepeatFigures:
        """The largest groups of unlike videos with one summary, and with one choice, among the latest videos."""
        with self._lock:
            self._remember()
            return self._repeats.figures()

    def _remember(self) -> None:
        """Put the videos that earlier runs finished into the window, once: a run may be resumed every few videos."""
        if self._finished is not None:
            for earlier in self._finished():
                self._repeats.add(earlier)
            self._finished = None

    def _ring(self, video_id: str) -> Alarm | None:
        """The alarm of the window, if any. Raises BindingBroken for it in mode `enable`."""
        alarm = self._window.alarm()
        if alarm is not None and self._config.mode == "enable":
            why = f"captions are not where they belong: {alarm}"
            self._stop(why, partial(self._halt, alarm, self._window, video_id))
        return alarm

    def _stop(self, why: str, halt: Callable[[], str]) -> NoReturn:
        self._halting = threading.get_ident()  # this thread may still decode pictures for the evidence
        self._broken = why  # stops the other threads first
        try:
            self._broken = halt()
        finally:
            self._halting = None
        raise BindingBroken(self._broken)

    def _observe(
        self,
        shown: Sequence[Shown],
        vectors: Sequence[tuple[Vector, Vector]],
        outcomes: Sequence[CanaryOutcome],
        video_id: str,
        rng: random.Random,
    ) -> list[Compared]:
        """Add a video to the window and to the pool of frames; returns the comparisons of its captions."""
        self._window.add_canaries(CanaryResult(video_id, outcome) for outcome in outcomes)
        self._window.shown.extend(shown)
        embedded = list(zip(shown, vectors, strict=False))  # without a model there are no vectors
        captions = [_Caption(caption, text, float(picture @ text)) for caption, (picture, text) in embedded]
        pooled = [_Pooled(caption.video_id, caption_key(caption.text), picture) for caption, (picture, _) in embedded]
        # At most as many frames of one video as a caption is compared with: the pool must cover many videos.
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
        """Compare a caption with frames of other videos that have other captions; None while there are too few."""
        text = caption_key(caption.shown.text)
        others = [frame for frame in self._pool if frame.video_id != caption.shown.video_id and frame.text != text]
        if len(others) < self._config.others:
            return None
        cosines = [float(frame.picture @ caption.text) for frame in rng.sample(others, self._config.others)]
        won = sum(caption.own > cosine for cosine in cosines)
        return Compared(caption.shown, won, len(cosines), caption.own - sum(cosines) / len(cosines))

    def _note(self, alarm: Alarm | None) -> None:
        """Log an alarm that does not stop the run, once until it ends."""
        kind = None if alarm is None else alarm.kind
        if alarm is not None and kind != self._noted:
            log.warning("binding audit (score-only): %s", alarm)
        self._noted = kind
