"""A ledger as a configuration reads it: everything that decides where a video stands."""

from __future__ import annotations

from typing import NamedTuple

from curation.ledger.ledger import Ledger
from curation.ledger.standing import StageHashes
from schemas.configuration.config import AuditConfig
from schemas.configuration.refresh_config import RefreshConfig
from schemas.configuration.review_config import ReviewConfig


class LedgerView(NamedTuple):
    """The results of a ledger, what they must have been made from to be current, rules for verdicts, audit limits.

    `refresh` says which published rows leave when their source is gone.
    """

    ledger: Ledger
    hashes: StageHashes
    rules: ReviewConfig = ReviewConfig()
    audit: AuditConfig = AuditConfig()
    refresh: RefreshConfig = RefreshConfig()
