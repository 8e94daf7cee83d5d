"""Who works on a workspace now: the owner of the run, the nodes with their shards, and the hosts that are paused."""

from __future__ import annotations

from collections import defaultdict

from curation.download.pacing.in_ledger import InLedger
from curation.ledger.claims import RUN, SECONDS, Held, host_of, is_gone, process_of
from curation.ledger.holding.stop_requests import running_of
from curation.ledger.ledger import Ledger
from curation.store.files import folder_is_held
from curation.workspace import Workspace
from schemas.documents.status import HeldClaim, Holder, PausedHost, RunNow, WorkspaceStatus


def with_run(status: WorkspaceStatus, ledger: Ledger, place: Workspace) -> WorkspaceStatus:
    """The status of a workspace, with who works on it now. Raises ConfigError as `Workspace.config`."""
    return status.model_copy(update={"run": run_now(ledger, place)})


def run_now(ledger: Ledger, place: Workspace) -> RunNow | None:
    """Whose run works on a workspace; None where none does. Raises ConfigError as `Workspace.config`.

    `place` is the folder itself, which a run holds, also where the ledger is a copy.
    """
    if ledger.engine.dialect.name != "postgresql":
        return _on_this_machine(ledger, place)
    config = place.config().run
    claims = ledger.claims()
    run = next((held for held in claims if held.key == RUN and held.current), None)
    noted = running_of(ledger)
    if run is None or noted is None or _process(noted.owner) != _process(run.owner):
        return None  # nobody, or another command than a run: they take the same claim
    prefix = f"shard:{run.fence}:"
    shards: dict[str, list[HeldClaim]] = defaultdict(list)
    for held in claims:
        if held.key.startswith(prefix) and held.seconds is not None:
            shards[held.owner].append(_claim(held, config.claim_seconds, int(held.key.removeprefix(prefix))))
    hosts = InLedger(ledger).paused() if config.engine == "ray" else []  # else they are an earlier run's
    return RunNow(
        owner=_holder(run.owner, _claim(run, SECONDS)),
        nodes=tuple(_holder(owner, *sorted(mine, key=_number)) for owner, mine in sorted(shards.items())),
        paused=tuple(
            PausedHost(host=paused.host, seconds=round(paused.seconds, 1), reason=paused.reason) for paused in hosts
        ),
    )


def _on_this_machine(ledger: Ledger, place: Workspace) -> RunNow | None:
    """The run of a ledger in a file, which has no claims: it notes its process, and holds the folder."""
    running = running_of(ledger)
    if running is None or is_gone(running.owner):
        return None
    return RunNow(owner=_holder(running.owner)) if folder_is_held(place.root) else None


def _process(owner: str) -> tuple[str, int | None]:
    return host_of(owner), process_of(owner)


def _number(claim: HeldClaim) -> int:
    return claim.shard or 0


def _claim(held: Held, seconds: float, shard: int | None = None) -> HeldClaim:
    """A claim that was not released; it was renewed when it had so many seconds left."""
    return HeldClaim(shard=shard, fence=held.fence, heartbeat=round(max(0.0, seconds - (held.seconds or 0.0)), 1))


def _holder(owner: str, *claims: HeldClaim) -> Holder:
    return Holder(host=host_of(owner), process=process_of(owner), claims=claims)
