"""The binding audit bound to a run: which canaries ride, what is checked, and what happens when an alarm rings."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from functools import cached_property
from pathlib import Path

from curation.binding.audit import BindingAudit
from curation.binding.canaries import Canary, Painter, build_painter, canary_count, canary_seeds
from curation.binding.evidence import Case, write_evidence
from curation.binding.window import Alarm, Window
from curation.binding.withdrawal import canaries_of, keep_canaries, withdraw
from curation.frames.pictures import Pictures
from curation.ledger.ledger import Ledger
from models.clip import Clip
from models.identity import identify
from schemas.binding import Binding, CanaryOutcomes
from schemas.config import CurateConfig
from schemas.errors import RunStopped
from schemas.records import CaptionSet, FrameSet, Video
from schemas.time import FrameIndex

log = logging.getLogger(__name__)


class BindingGuard:
    """One for a run. Threads may share it."""

    def __init__(
        self,
        config: CurateConfig,
        ledger: Ledger,
        pictures: Callable[[], Pictures],
        clip: Callable[[], Clip | None],
        report: Path,
    ) -> None:
        """Bind what a run works with; `report` is the folder of its reports. Nothing heavy is opened yet."""
        self._config, self._ledger, self._pictures, self._clip, self._report = config, ledger, pictures, clip, report
        self._began = time.time()
        self._doubtful: set[str] | None = None
        self._audit = BindingAudit(config.binding, clip, self._halt)

    @cached_property
    def _painter(self) -> Painter:
        return build_painter(self._config.binding)

    def raise_if_stopped(self) -> None:
        """Raise BindingBroken once an alarm has stopped the run; cheap."""
        self._audit.raise_if_stopped()

    def figures(self) -> dict[str, float | int | None]:
        """The shares (0..1) over the latest observations of the run, and how many those are."""
        return self._audit.figures()

    def canaries(self, video: Video, frames: FrameSet, *, whole_batches: bool) -> list[Canary]:
        """Pictures to ride with a video: new ones for every run, so that no stored reply answers them.

        Where replies depend on their batch (`whole_batches`), the batch must be the same again in a run that resumes:
        there canaries are particular to the video alone, and answered from the store only together with the frames
        around them. Raises ConfigError for a folder of canaries that is not as it must be.
        """
        count = canary_count(sum(frame.same_as is None for frame in frames.frames), self._config.binding)
        run = "" if whole_batches else repr(self._began)
        return [self._painter(seed) for seed in canary_seeds(count, self._config.name, run, video.sha256)]

    def keep(self, video_id: str, outcomes: CanaryOutcomes) -> None:
        """Keep what was said of a video's canaries until it is checked, in this run or, after a kill, in the next."""
        keep_canaries(self._ledger, video_id, outcomes)

    def check(
        self, video_id: str, frames: FrameSet, captions: CaptionSet, read: Callable[[FrameIndex], bytes]
    ) -> Binding:
        """Look at a video's captions. Raises BindingBroken when the latest videos say that captions are misplaced."""
        outcomes = canaries_of(self._ledger, video_id).outcomes
        return self._audit.check(video_id, frames, captions, read, outcomes)

    def settle(self) -> None:
        """After an alarm, when all threads have ended: withdraw what they still wrote while they came to a halt."""
        if self._doubtful is not None:
            withdraw(self._ledger, self._doubtful, identify(self._config.models.captioner)[0], self._began)

    def _halt(self, alarm: Alarm, window: Window, video_id: str) -> str:
        name = identify(self._config.models.captioner)[0]
        self._doubtful = {*window.videos(), video_id}
        withdrawn = withdraw(self._ledger, self._doubtful, name, self._began)
        clip = self._clip() if window.compared else None
        case = Case(alarm, window, withdrawn, name, clip.name if clip is not None else None, self._config.binding)
        try:
            where = str(write_evidence(self._report, case, self._painter, self._read))
        except (
            OSError,
            RunStopped,
        ) as error:  # the captions are withdrawn, and the message says why: that must come through
            log.error("binding audit: the evidence could not be written: %s", error)
            where = f"not written ({error})"
        return (
            f"captions are not where they belong: {alarm}. The captions of {len(withdrawn.videos)} videos were "
            f"withdrawn; evidence: {where}. When the captioner is right again, the same command captions them anew"
        )

    def _read(self, video_id: str, index: FrameIndex) -> bytes:
        """JPEG bytes of a frame, from the records of the ledger. Raises KeyError when they are gone."""
        entries = [self._ledger.entry(video_id, stage) for stage in ("download", "frames")]
        if any(entry is None or entry.head.status != "done" for entry in entries):
            raise KeyError(video_id)
        video, frames = (entry.payload for entry in entries if entry is not None)
        record = Video.model_validate_json(video)
        return self._pictures().read(record, FrameSet.model_validate_json(frames), index)
