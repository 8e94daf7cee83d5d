"""Connects the binding audit with a run: it draws canaries, checks texts, and withdraws them at an alarm."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property, partial
from pathlib import Path

from curation.binding.audit import REPEAT, BindingAudit
from curation.binding.canaries import Canary, Painter, build_painter, canary_count, canary_seeds
from curation.binding.evidence import Case, write_evidence
from curation.binding.finished import finished_observations, observations_of, records_of
from curation.binding.parts import CaptionsPart, FramesPart
from curation.binding.repeat_evidence import RepeatCase, write_repeat_evidence
from curation.binding.repeats import Observation, RepeatFigures, observe
from curation.binding.window import Alarm, Window
from curation.binding.withdrawal import CAPTIONS, SUMMARIES, Suspects, Withdrawn, canaries_of, keep_canaries, withdraw
from curation.frames.pictures import Pictures
from curation.ledger.ledger import Ledger
from curation.ledger.part import checksum
from models.clip import Clip
from models.identity import identify, tower_name
from schemas.binding import Binding, CanaryOutcomes
from schemas.configuration.config import CurateConfig
from schemas.errors import BindingBroken, RunStopped
from schemas.records import CaptionSet, Extract, FrameSet, Summary, Video
from schemas.time import FrameIndex

log = logging.getLogger(__name__)


class BindingGuard:
    """The binding audit of one run. Threads may share it."""

    def __init__(
        self,
        config: CurateConfig,
        ledger: Ledger,
        pictures: Callable[[], Pictures],
        clip: Callable[[], Clip | None],
        report: Path,
    ) -> None:
        """Keep the parts of a run; `report` is the folder of its reports. No model is opened yet."""
        self._config, self._ledger, self._pictures, self._report = config, ledger, pictures, report
        self._began = time.time()
        self._withdraw_again: Callable[[], object] | None = None
        # Videos whose committed checks came with an alarm or after it: no window has them.
        self._late: dict[Suspects, set[str]] = {CAPTIONS: set(), SUMMARIES: set()}
        finished = partial(finished_observations, ledger)
        self._audit = BindingAudit(config.binding, clip, self._halt, self._halt_repeats, finished)

    @cached_property
    def _painter(self) -> Painter:
        return build_painter(self._config.binding)

    def raise_if_stopped(self) -> None:
        """Raise BindingBroken once an alarm has stopped the run. The call is cheap."""
        self._audit.raise_if_stopped()

    def figures(self) -> dict[str, float | int | None]:
        """The shares (0..1) over the latest observations of the run, and the numbers of these observations."""
        return self._audit.figures()

    def canaries(self, video: Video, frames: FrameSet, *, whole_batches: bool) -> list[Canary]:
        """Draw the canaries of a video: new pictures in every run, so that no stored reply can answer them.

        Where a reply depends on its batch (`whole_batches`), a resumed run must repeat the same batch. There canaries
        depend on the video alone, and a stored reply answers them only together with the frames around them. Raises
        ConfigError when the folder of canaries is not valid.
        """
        count = canary_count(sum(frame.same_as is None for frame in frames.frames), self._config.binding)
        run = "" if whole_batches else repr(self._began)
        return [self._painter(seed) for seed in canary_seeds(count, self._config.name, run, video.sha256)]

    def keep(self, video_id: str, outcomes: CanaryOutcomes) -> None:
        """Keep the outcomes of a video's canaries until the video is checked, after a kill in the next run."""
        keep_canaries(self._ledger, video_id, outcomes)

    def check(
        self, video_id: str, frames: FrameSet, captions: CaptionSet, read: Callable[[FrameIndex], bytes]
    ) -> Binding:
        """Check the captions of a video. Raises BindingBroken when the latest videos of the run raise an alarm."""
        outcomes = canaries_of(self._ledger, [video_id]).get(video_id, CanaryOutcomes()).outcomes
        return self._audit.check(video_id, frames, captions, read, outcomes)

    def check_summary(
        self, video_id: str, frames: FrameSet, captions: CaptionSet, extract: Extract, summary: Summary
    ) -> None:
        """Compare a summary and its keyframes with those of the latest videos of the workspace.

        Raises BindingBroken when unlike videos have the same.
        """
        self._audit.check_summary(observe(video_id, frames, captions, extract, summary))

    def add_checks(self, ids: Sequence[str]) -> None:
        """Add the committed checks of some hundred videos at most, which other processes made, to the window, in order.

        Raises BindingBroken as `check`; `settle` then withdraws the rest of them too. Those that were withdrawn
        meanwhile are left out.
        """
        canaries, left = canaries_of(self._ledger, ids), dict.fromkeys(ids)
        with self._suspecting(CAPTIONS, left):
            for video_id, found in records_of(self._ledger, ids, ("frames", "caption", "binding")):
                self._audit.add_checked(
                    video_id,
                    FramesPart.model_validate_json(found["frames"]),
                    CaptionsPart.model_validate_json(found["caption"]),
                    checksum(found["caption"]),
                    Binding.model_validate_json(found["binding"]),
                    canaries.get(video_id, CanaryOutcomes()).outcomes,
                )
                del left[video_id]

    def add_summaries(self, ids: Sequence[str]) -> None:
        """Compare videos that other processes finished with the latest ones, in this order.

        Raises as `check_summary`; `settle` then withdraws the rest of them too.
        """
        left = dict.fromkeys(ids)
        with self._suspecting(SUMMARIES, left):
            for observed in observations_of(self._ledger, ids):
                self._audit.check_summary(observed)
                del left[observed.video_id]

    def repeat_figures(self) -> RepeatFigures:
        """The largest groups of unlike videos with one summary, and with one choice, among the latest videos."""
        return self._audit.repeat_figures()

    def settle(self) -> None:
        """Withdraw, after an alarm, also what other threads and processes wrote before they ended.

        The caller waits until all have ended, and has added what other processes committed.
        """
        if self._withdraw_again is not None:
            self._withdraw_again()

    def _halt(self, alarm: Alarm, window: Window, video_id: str) -> str:
        name = identify(self._config.models.captioner)[0]
        withdrawn = self._withdraw({*window.videos(), video_id}, [name], CAPTIONS)
        clip = self._config.models.clip if window.compared else None
        case = Case(
            alarm, window, withdrawn, name, tower_name(clip) if clip is not None else None, self._config.binding
        )
        where = _written(lambda: write_evidence(self._report, case, self._painter, self._read))
        return (
            f"captions are not where they belong: {alarm}. The captions of {len(withdrawn.videos)} videos were "
            f"withdrawn; evidence: {where}. When the captioner is right again, the same command captions them again"
        )

    def _halt_repeats(self, alarm: Alarm, group: Sequence[Observation]) -> str:
        models = self._config.models
        names = list(dict.fromkeys(identify(one)[0] for one in (models.summarizer, *models.annotators)))
        withdrawn = self._withdraw(set(alarm.videos), names, SUMMARIES)
        case = RepeatCase(alarm, group, withdrawn, ", ".join(names))
        where = _written(lambda: write_repeat_evidence(self._report, case, self._read))
        return (
            f"{REPEAT}: {alarm}. The summaries of {len(withdrawn.videos)} videos were withdrawn; evidence: {where}. "
            f"When the summarizer is right again (another model or prompt), the same command writes them again"
        )

    def _withdraw(self, videos: set[str], models: Sequence[str], suspects: Suspects) -> Withdrawn:
        def again() -> Withdrawn:
            return withdraw(self._ledger, videos | self._late[suspects], models, self._began, suspects)

        self._withdraw_again = again
        return again()

    @contextmanager
    def _suspecting(self, suspects: Suspects, left: Iterable[str]) -> Iterator[None]:
        """Note, at an alarm, the videos that are left: their check was committed, but nobody has seen that it is well.

        A thread of this process could not have committed it: its check raises.
        """
        try:
            yield
        except BindingBroken:
            self._late[suspects].update(left)
            raise

    def _read(self, video_id: str, index: FrameIndex) -> bytes:
        """The JPEG bytes of a frame, by the records in the ledger. Raises KeyError when the records are gone."""
        entries = [self._ledger.entry(video_id, stage) for stage in ("download", "frames")]
        if any(entry is None or entry.head.status != "done" for entry in entries):
            raise KeyError(video_id)
        video, frames = (entry.payload for entry in entries if entry is not None)
        record = Video.model_validate_json(video)
        return self._pictures().read(record, FrameSet.model_validate_json(frames), index)


def _written(write: Callable[[], Path]) -> str:
    """Where the evidence is. The results are withdrawn already: the message must reach the user even without it."""
    try:
        return str(write())
    except (OSError, RunStopped) as error:
        log.error("binding audit: the evidence could not be written: %s", error)
        return f"not written ({error})"
