"""Stage hashes for ledgers that no configuration made."""

from __future__ import annotations

from dataclasses import replace

from curation.ledger.stages import STAGES
from curation.ledger.standing import StageHashes

HASHES = StageHashes(
    results={name: f"{name} settings" for name in STAGES.names},
    limits={name: f"{name} limits" for name in STAGES.names},
    policy="policy",
)


def changed(*stages: str, base: StageHashes = HASHES) -> StageHashes:
    """The hashes when settings that can change the results of these stages have changed."""
    return replace(base, results={**base.results, **dict.fromkeys(stages, "other")})


def other_limits(*stages: str, base: StageHashes = HASHES) -> StageHashes:
    """The hashes when limits of these stages have changed."""
    return replace(base, limits={**base.limits, **dict.fromkeys(stages, "other")})
