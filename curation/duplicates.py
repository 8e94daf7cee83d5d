"""Byte-identical videos: of all that share a content, the first by position is kept, wherever it came from."""

from __future__ import annotations

from curation.ledger import Ledger
from schemas.records import Rejection


def settle(ledger: Ledger) -> list[str]:
    """Recompute which videos are set aside; returns the ids that were set aside before and no longer are.

    The first by position that no filter refused is kept. The answer depends on the ledger's content alone, not
    on the order in which work finished.
    """
    before = ledger.duplicates()
    groups = ledger.shared_contents()
    heads = ledger.heads([video_id for ids in groups.values() for video_id in ids])
    now: dict[str, tuple[str, str]] = {}
    for content, ids in groups.items():
        passed = [i for i in ids if heads[i].get("filter") is None or heads[i]["filter"].status == "done"]
        now.update((video_id, (passed[0], content)) for video_id in passed[1:])
    if now != before:
        ledger.set_duplicates(now)
    return [video_id for video_id in before if video_id not in now]


def rejection(video_id: str, of_id: str, sha256: str) -> Rejection:
    """A duplicate as a rejection row."""
    evidence = f"same bytes as {of_id} (sha256 {sha256})"
    return Rejection(id=video_id, stage="download", error_class="permanent", reason="duplicate", evidence=evidence)
