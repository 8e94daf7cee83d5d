"""The alarms of a run over what all of its nodes commit: the binding audit's, and the one for failures that are alike.

Each node has both by itself too, and notices at once when it alone is broken. What all share, such as a captioner
that is wrong everywhere, no node sees as often as the run does: the driver counts over all.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from sqlalchemy.exc import OperationalError

from curation.binding.guard import BindingGuard
from curation.binding.withdrawal import CAPTIONS, SUMMARIES
from curation.ledger.claims import Claim
from curation.ledger.ledger import Ledger
from curation.pipeline.failure_watch import FailureWatch, counts_as_alike
from curation.pipeline.nodes.committed import Committed, Row
from schemas.errors import AllAlike, PermanentError, PoisonError, RefusedError, RunStopped, StageError, TransientError
from schemas.records import Rejection

log = logging.getLogger(__name__)

_AT_ONCE = 16  # videos whose records are read together
_KINDS: dict[str, type[StageError]] = {
    kind.error_class: kind for kind in (TransientError, PermanentError, PoisonError, RefusedError)
}


class NodeWatch:
    """Reads what nodes commit, and raises the alarms that a run on one machine raises. One thread uses it."""

    def __init__(self, ledger: Ledger, binding: BindingGuard, failures: FailureWatch) -> None:
        """Feed the two watches of the driver's own run."""
        self._ledger, self._binding, self._failures = ledger, binding, failures
        self._committed = Committed(ledger)
        self._rows: deque[Row] = deque()
        self._checked: dict[str, list[str]] = {CAPTIONS.check: [], SUMMARIES.check: []}

    def given(self, ids: Iterable[str]) -> None:
        """Videos are about to be given to a node."""
        self._committed.given(ids)

    def done(self, ids: Iterable[str]) -> None:
        """A node has carried videos to their end."""
        self._committed.done(ids)

    def rows(self, ids: Iterable[str]) -> int:
        """How many rows of given videos the last look found."""
        return self._committed.count(ids)

    def look(self) -> None:
        """Note what was committed since the last look. Raises AllAlike and BindingBroken, after all rows were noted."""
        if stops := self._note():
            raise stops[0]

    def _note(self) -> list[RunStopped]:
        """Note what was committed since the last look; the alarms that it raised."""
        self._rows.extend(self._committed.read())
        places = {row.video_id: row.stage for row in self._rows if row.status == "rejected"}
        rejections = self._ledger.rejections_at(places)
        stops: list[RunStopped] = []
        while self._rows:
            row = self._rows.popleft()
            if row.status == "done" and row.stage in self._checked:
                self._checked[row.stage].append(row.video_id)
            with _kept(stops):
                self._count(row, rejections.get(row.video_id))
        for stage, add in ((CAPTIONS.check, self._binding.add_checks), (SUMMARIES.check, self._binding.add_summaries)):
            waiting = self._checked[stage]
            while waiting:  # what is not added because the database went away is added at the next look
                with _kept(stops):
                    add(waiting[:_AT_ONCE])
                del waiting[:_AT_ONCE]
        return stops

    def settle(self, run: Claim, error: BaseException) -> list[RunStopped]:
        """`error` stopped the run, and its nodes have ended: nobody commits any more, and what was committed is noted.

        Afterwards FailureWatch.take_back, for AllAlike, and BindingGuard.settle reach the rows of all nodes, also of
        one that is cut off and works on. Returns alarms of another kind, which the user has not been told; what they
        take back is taken back here, or by BindingGuard.settle.
        """
        if isinstance(error, AllAlike):
            self._failures.stopped_elsewhere(error.stage)  # where a node raised it
        alarms: list[RunStopped] = []
        try:
            self._ledger.revoke_under(run)
            alarms += self._note()
            if not isinstance(error, AllAlike):
                self._failures.take_back(self._ledger)
        except (RunStopped, OperationalError) as trouble:  # `error` is more useful
            log.debug("while the nodes ended: %s", trouble)
        with _kept(alarms):
            self._binding.raise_if_stopped()  # also one that rang with another alarm
        kinds = {type(alarm): alarm for alarm in alarms if not isinstance(alarm, type(error))}
        return list(kinds.values())

    def _count(self, row: Row, rejection: Rejection | None) -> None:
        if row.status == "done":
            self._failures.succeeded(row.stage)
        elif rejection is not None and rejection.stage == row.stage:
            error = _KINDS[rejection.error_class](rejection.reason, rejection.evidence)
            if counts_as_alike(row.stage, error):
                charged = rejection.error_class == "poison"
                self._failures.failed(row.stage, row.video_id, error, charged=charged)


@contextmanager
def _kept(stops: list[RunStopped]) -> Iterator[None]:
    """Keep an alarm for later, so that what follows is noted too."""
    try:
        yield
    except RunStopped as error:
        stops.append(error)
