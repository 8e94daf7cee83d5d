"""The exclusive claim of what one process at a time does for a whole ledger: a run, an export, a release, a repair."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from curation.ledger.claims import RUN, SECONDS, Claim, described, is_gone, new_owner
from curation.ledger.databases import open_claims
from curation.ledger.holding.heartbeat import Heartbeat
from curation.ledger.ledger import Ledger
from schemas.errors import WorkspaceBusy

log = logging.getLogger(__name__)

_TRIES = 5  # others may be quicker


@contextmanager
def run_claim(root: Path, seconds: float = SECONDS) -> Iterator[Heartbeat | None]:
    """Hold the ledger of the workspace at `root` alone, also against other machines; None where it is a file.

    Raises WorkspaceBusy while another process holds it; ConfigError and LedgerDamaged as `open_claims`.
    """
    ledger = open_claims(root)
    if ledger is None:
        yield None
        return
    with closing(ledger), Heartbeat(ledger, take_run(ledger, root, seconds)) as heartbeat:
        yield heartbeat


def take_run(ledger: Ledger, root: Path, seconds: float = SECONDS) -> Claim:
    """Take the claim of a whole run. Raises as `run_claim`; `root` is for the message.

    A process of this machine that was killed holds nothing: its claim is given back for it.
    """
    owner = new_owner()
    for _ in range(_TRIES):
        claim = ledger.claim(RUN, owner, seconds)
        if claim is not None:
            return claim
        held = ledger.held(RUN)
        if held is not None and is_gone(held.owner):
            log.info("%s has ended without giving its claim back", described(held.owner))
            ledger.release(Claim(RUN, held.owner, held.fence))
        elif held is not None and held.current:
            break  # else it ended a moment ago
    who = described(held.owner) if held is not None else "another process"
    left = held.seconds if held is not None and held.seconds is not None else 0.0
    raise WorkspaceBusy(
        f"{root}: {who} holds the ledger of this workspace; its claim ends in {max(0.0, left):.0f} s unless it is "
        f"renewed. Wait for it, stop it with `v2xum stop {root}`, or use another --workspace"
    )
