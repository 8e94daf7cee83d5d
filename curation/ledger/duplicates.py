"""Duplicates: of the videos whose files have the same bytes, the first by position is kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import sqlalchemy as sa

from curation.ledger import tables as t
from curation.ledger.part import chunks
from curation.ledger.results import ResultRows
from schemas.records import Rejection


class DuplicateRows(ResultRows):
    """The methods of a ledger about videos that share their bytes."""

    def contents(self) -> dict[str, str]:
        """Downloaded videos: id -> sha256 of the file."""
        r = t.results.c
        query = sa.select(r.video_id, r.content).where(r.current, r.content.is_not(None))
        with self.engine.connect() as connection:
            return {row.video_id: row.content for row in connection.execute(query)}

    def with_content(self, sha256: str) -> list[str]:
        """The ids of the videos whose downloaded file has this hash, sorted."""
        r = t.results.c
        query = sa.select(r.video_id).where(r.current, r.content == sha256)
        with self.engine.connect() as connection:
            return sorted(connection.execute(query).scalars())

    def shared_contents(self) -> dict[str, list[str]]:
        """Contents that several videos share: sha256 of the file -> video ids by position."""
        r = t.results
        downloaded = sa.and_(r.c.current, r.c.content.is_not(None))
        shared = sa.select(r.c.content).where(downloaded).group_by(r.c.content).having(sa.func.count() > 1)
        query = (
            sa.select(r.c.content, r.c.video_id)
            .join(t.sources, t.sources.c.id == r.c.video_id)
            .where(downloaded, r.c.content.in_(shared))
            .order_by(t.sources.c.position)
        )
        groups: dict[str, list[str]] = {}
        with self.engine.connect() as connection:
            for content, video_id in connection.execute(query):
                groups.setdefault(content, []).append(video_id)
        return groups

    def duplicates(self, ids: Sequence[str] | None = None) -> dict[str, tuple[str, str]]:
        """The videos that are set aside, all or among `ids`: id -> (id of the kept video, sha256 of the file)."""
        query = sa.select(t.duplicates)
        with self.engine.connect() as connection:
            selections = (
                [query]
                if ids is None
                else [query.where(t.duplicates.c.video_id.in_(chunk)) for chunk in chunks(list(ids))]
            )
            return {row[0]: (row[1], row[2]) for selection in selections for row in connection.execute(selection)}

    def set_duplicates(self, mapping: Mapping[str, tuple[str, str]]) -> None:
        """Replace the whole table of duplicates in one transaction."""
        with self.writing() as connection:
            connection.execute(sa.delete(t.duplicates))
            if mapping:
                rows = [{"video_id": v, "of_id": of, "sha256": sha} for v, (of, sha) in sorted(mapping.items())]
                connection.execute(sa.insert(t.duplicates), rows)


def settle(ledger: DuplicateRows) -> list[str]:
    """Compute again which videos are set aside; return the ids that were set aside before and are not any more.

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
