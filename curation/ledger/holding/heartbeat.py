"""Renews a claim from a thread, as long as its owner works, and says when it is lost."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable
from types import TracebackType

import sqlalchemy as sa

from curation.ledger.claims import Claim
from curation.ledger.ledger import Ledger
from curation.ledger.part import lost

log = logging.getLogger(__name__)

_SHARE = 3  # renewals before a claim would end
_AGAIN = 10  # tries in the same time, while the database does not answer


def _nothing() -> None:
    """The default: nobody is told."""


class Heartbeat:
    """A context in which a claim is renewed at a third of its time; `lost` is set once it is gone.

    A database that is away for less than the claim's time costs nothing: the renewal is tried until it succeeds.
    """

    def __init__(self, ledger: Ledger, claim: Claim, on_loss: Callable[[], None] = _nothing) -> None:
        """Renew `claim` in `ledger`; `on_loss` is called once, from the thread, when the claim is lost.

        `ledger` should be one that the work itself does not use: its connections must be free at any time.
        """
        self.claim = claim
        self.lost = threading.Event()
        self._ledger, self._on_loss = ledger, on_loss
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._beat, name=f"claim {claim.key}", daemon=True)

    def require(self) -> None:
        """Raise ClaimLost once the claim is lost."""
        if self.lost.is_set():
            raise lost(self._ledger.engine, self.claim)

    def __enter__(self) -> Heartbeat:
        """Begin to renew."""
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Renew no more, and give the claim back; where the database is away it ends by itself."""
        self._end.set()
        self._thread.join()
        with contextlib.suppress(sa.exc.SQLAlchemyError):
            self._ledger.release(self.claim)

    def _beat(self) -> None:
        seconds = self.claim.seconds
        pause, renewed = seconds / _SHARE, time.monotonic()
        while not self._end.wait(pause):
            began = time.monotonic()
            try:
                is_held = self._ledger.renew(self.claim)
            except sa.exc.SQLAlchemyError as error:
                # Only how long ago, never what time it is: after its time another one may have taken it.
                is_held = time.monotonic() - renewed < seconds
                log.debug("the claim %s could not be renewed: %s", self.claim.key, error)
                pause = seconds / _SHARE / _AGAIN
            else:
                pause, renewed = seconds / _SHARE, began
            if not is_held:
                self.lost.set()
                self._on_loss()
                return
