"""The exclusive claim of what one process at a time does for a whole ledger: a run, an export, a release, a repair."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from curation.ledger.claims import RUN, SECONDS, Claim, described, is_gone, new_owner
from curation.ledger.databases import open_claims
from curation.ledger.holding.heartbeat import Heartbeat
from curation.ledger.ledger import Ledger
from schemas.errors import WorkspaceBusy

log = logging.getLogger(__name__)

_STEP = 0.5  # seconds between two tries


@contextmanager
def run_claim(root: Path, seconds: float = SECONDS) -> Iterator[Heartbeat | None]:
    """Hold the ledger of the workspace at `root` alone, also against other machines; None where it is a file.

    Raises WorkspaceBusy while another process holds it; one of this host that was killed is waited for, until its
    claim ends. Raises ConfigError and LedgerDamaged as `open_claims`.
    """
    ledger = open_claims(root)
    if ledger is None:
        yield None
        return
    with closing(ledger), Heartbeat(ledger, take_run(ledger, root, seconds)) as heartbeat:
        yield heartbeat


def take_run(ledger: Ledger, root: Path, seconds: float = SECONDS) -> Claim:
    """Take the claim of a whole run. Raises as `run_claim`; `root` is for the message."""
    owner, waiting_for, until = new_owner(), -1, 0.0
    while (claim := ledger.claim(RUN, owner, seconds)) is None:
        held = ledger.held(RUN)
        if held is None or held.seconds is None:
            continue  # it was given back a moment ago
        if not is_gone(held.owner) or (waiting_for >= 0 and (held.fence != waiting_for or time.monotonic() > until)):
            raise WorkspaceBusy(
                f"{root}: {described(held.owner)} holds the ledger of this workspace; its claim ends in "
                f"{max(0.0, held.seconds):.0f} s unless it is renewed. Wait for it, stop it with `v2xum stop {root}`, "
                "or use another --workspace"
            )
        if waiting_for < 0:
            waiting_for, until = held.fence, time.monotonic() + 2 * max(held.seconds, 0.0) + 5
            log.warning(
                "%s: %s ended without giving its claim back; going on when that ends, in %.0f s",
                root,
                described(held.owner),
                max(0.0, held.seconds),
            )
        time.sleep(min(_STEP, max(0.05, held.seconds)))
    return claim
