"""Stops a run in which everything fails in the same way: then no video is to blame.

The list of what is no video's fault (schemas/kit/blame.py) cannot be whole. A library that is broken in a new way fails
for every video, and every video would be charged with it. This watch sees the pattern instead of the words.
"""

from __future__ import annotations

import re
import threading
from collections import Counter

from curation.ledger.ledger import Ledger
from curation.ledger.stages import STAGES
from schemas.errors import AllAlike, StageError
from schemas.kit.blame import in_one_line

_AFTER_SUCCESS = 4  # where other videos succeeded before, so many times more must fail
_VARYING = re.compile(r"'[^']*'|\"[^\"]*\"|0x[0-9a-f]+|\S*/\S*|[0-9a-f]{8,}|\d+", re.IGNORECASE)


class FailureWatch:
    """Counts failures of one kind at each stage since its last success. Threads may share it."""

    def __init__(self, most: int) -> None:
        """Raise AllAlike when `most` videos failed alike and none succeeded; 0 for never."""
        self._most = most
        self._lock = threading.Lock()
        self._alike: dict[str, Counter[str]] = {}
        self._charged: dict[str, list[str]] = {}
        self._succeeded: set[str] = set()
        self._stopped: str | None = None

    def succeeded(self, stage: str) -> None:
        """Note that a stage made a result: what failed there before was not everything."""
        with self._lock:
            self._succeeded.add(stage)
            if stage != self._stopped:
                self._alike.pop(stage, None)
                self._charged.pop(stage, None)

    def failed(self, stage: str, video_id: str, error: BaseException, *, charged: bool) -> None:
        """Note a failure after its row was written; `charged`: the row says that the video is at fault.

        Raises AllAlike. What a list says of its videos (private, too short, unreadable) is not noted here, and neither
        is a source that does not answer: many rows of a list may have the same fault.
        """
        with self._lock:
            alike = self._alike.setdefault(stage, Counter())
            alike[_shape(error)] += 1
            if charged:
                self._charged.setdefault(stage, []).append(video_id)
            count = alike[_shape(error)]
            limit = self._most * (_AFTER_SUCCESS if stage in self._succeeded else 1)
            if self._most == 0 or count < limit or self._stopped is not None:
                return
            self._stopped = stage
        first = "" if stage in self._succeeded else "first "
        raise AllAlike(
            f"{stage}: the {first}{count} videos that were tried all failed in the same way, so it is hardly their own "
            f"fault ({in_one_line(error)}). They are not charged with it: mend the cause, and the same command tries "
            "them again. If it is right that they fail, --set run.max_alike=0 goes on",
            stage,
        )

    def stopped_elsewhere(self, stage: str) -> None:
        """Another process stopped the run for failures at a stage: those that are noted here are taken back too."""
        with self._lock:
            self._stopped = self._stopped or stage

    def take_back(self, ledger: Ledger) -> int:
        """Forget the rows that charge videos with the failure that stopped the run; return how many.

        The caller waits until all threads have ended, because some of them may still write such rows.
        """
        with self._lock:
            stage, self._stopped = self._stopped, None
            ids = self._charged.pop(stage, []) if stage is not None else []
        for video_id in ids:
            ledger.forget(video_id, str(stage))
        return len(ids)


def counts_as_alike(stage: str, error: StageError) -> bool:
    """Whether a failure may be everybody's: a crash, or one for now of a stage that asks nobody but this machine."""
    if error.error_class == "poison":
        return error.reason in ("crashed", "unexpected")
    return error.error_class == "transient" and (STAGES[stage].lane != "download" or error.reason == MOMENT)


MOMENT = "machine"  # the reason of a transient row for what the machine lacked at that moment


def _shape(error: BaseException) -> str:
    """The kind of an error and its message without what differs from video to video: numbers, names, paths."""
    reason = error.reason if isinstance(error, StageError) else ""
    return f"{type(error).__name__} {reason} {_VARYING.sub('*', in_one_line(error))}"
