"""The published videos that leave: those who opted out, and by policy those whose source is gone."""

from __future__ import annotations

from datetime import UTC, datetime

from curation.ledger.ledger import Ledger
from curation.ledger.refresh.rechecks import Recheck
from curation.sources.opt_outs import REASON
from schemas.configuration.refresh_config import Policy, RefreshConfig
from schemas.records import Rejection

STAGE = "download"


def policy_of(recheck: Recheck, config: RefreshConfig) -> Policy:
    """What the configuration says of a row with this tombstone."""
    return config.licence_changed if recheck.outcome == "licence" else config.gone


def day(seconds: float) -> str:
    """The date (UTC, YYYY-MM-DD) of a unix time."""
    return datetime.fromtimestamp(seconds, UTC).date().isoformat()


class Withdrawn:
    """The videos of a ledger that leave. They are read once.

    `opted_out` are set aside whatever their state is, so that nothing works on them. `gone` are the rejections of
    those that were published, whose source is gone and whose row does not stay; they hold for finished samples only,
    since a source that came back with other bytes is made anew.
    """

    def __init__(self, ledger: Ledger, config: RefreshConfig) -> None:
        """Read opt-outs and tombstones."""
        self.opted_out = frozenset(ledger.opted_out())
        tombstones = ledger.tombstones()
        policies = {name: policy_of(one, config) for name, one in tombstones.items()}
        self.gone = {name: _rejection(one) for name, one in tombstones.items() if policies[name] != "keep"}
        self.erased = {name for name, policy in policies.items() if policy == "erase"}

    def is_nameless(self, rejection: Rejection) -> bool:
        """Whether a rejection may say neither title nor address: who opted out wants to be found no more."""
        return rejection.reason == REASON or rejection.id in self.erased


def opted_out(video_id: str) -> Rejection:
    """The rejection of a video that an opt-out concerns; it has no evidence, which would be published."""
    return Rejection(id=video_id, stage="source", error_class="refused", reason=REASON)


def _rejection(recheck: Recheck) -> Rejection:
    assert recheck.gone_at is not None
    return Rejection(
        id=recheck.video_id,
        stage=STAGE,
        error_class="permanent",
        reason=recheck.reason or "gone",
        evidence=f"published, and found so on {day(recheck.gone_at)} by `v2xum refresh`",
    )
