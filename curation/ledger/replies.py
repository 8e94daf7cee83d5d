"""Stored model replies by request key: no request is paid for twice."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

import sqlalchemy as sa

from curation.ledger import tables as t
from curation.ledger.part import Part, as_stored, checksum, chunks
from models.chat import Reply


class ReplyRows(Part):
    """The stored replies of models, as `models.reply_cache` uses them."""

    def get_replies(self, keys: Sequence[str]) -> dict[str, Reply]:
        """Stored replies by request key. Raises LedgerDamaged for a reply that is not what was stored."""
        c = t.replies.c
        found: dict[str, Reply] = {}
        query = sa.select(c.key, c.text, c.finish, c.tokens_in, c.tokens_out, c.checksum)
        with self.engine.connect() as connection:
            for chunk in chunks(list(keys)):
                for key, text, *rest, noted in connection.execute(query.where(c.key.in_(chunk))):
                    found[key] = Reply(as_stored(self.engine, text, noted, f"the model's reply {key}"), *rest)
        return found

    def put_replies(self, replies: Mapping[str, Reply], model: str) -> None:
        """Store the replies of a model by its name; a stored reply with the same key is replaced."""
        if not replies:
            return
        made = {"model": model, "made_at": time.time()}
        # Sorted by key: two threads that store the same replies must not wait for each other.
        rows = [{"key": key, **reply._asdict(), **made} for key, reply in sorted(replies.items())]
        for row in rows:
            del row["server"]
            row["checksum"] = checksum(str(row["text"]))
        insert = t.inserting(t.replies, self.engine.dialect)
        values = {c.name: insert.excluded[c.name] for c in t.replies.c if c.name != "key"}
        with self.writing() as connection:
            connection.execute(insert.on_conflict_do_update(index_elements=["key"], set_=values), rows)
