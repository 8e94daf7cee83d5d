"""Facts about the ledger itself, and the identities of the models that its runs used."""

from __future__ import annotations

import time

import sqlalchemy as sa

from curation.ledger import tables as t
from curation.ledger.part import Part

WITHDRAWN = "withdrawn"  # when an alarm last withdrew results (unix time): an older backup must not bring them back
INCOMPLETE = "incomplete"  # set by a repair that could not keep every row: a backup that is found later may add them
PSEUDONYMS = "pseudonyms"  # the fingerprint of the key of annotators' pseudonyms; empty: any key is right


class PropertyRows(Part):
    """Named facts about the ledger, and the identities of models by the configuration that names them."""

    def property(self, name: str) -> str | None:
        """The value of a fact; None when it was never set."""
        with self.engine.connect() as connection:
            return connection.execute(sa.select(t.properties.c.value).where(t.properties.c.name == name)).scalar()

    def set_property(self, name: str, value: str) -> None:
        """Set a fact, unless another command has set it already."""
        with self.writing() as connection:
            claim_property(connection, name, value)

    def replace_property(self, name: str, value: str) -> None:
        """Set a fact; it replaces what was set before."""
        insert = t.inserting(t.properties, self.engine.dialect).values(name=name, value=value)
        with self.writing() as connection:
            connection.execute(insert.on_conflict_do_update(index_elements=["name"], set_={"value": value}))

    def identities(self, models: str) -> str | None:
        """The identities of a configuration's models that the last run noted, as JSON; None when no run noted any.

        `models` is the SHA-256 of the configuration's section `models`.
        """
        query = sa.select(t.identities.c.payload).where(t.identities.c.models == models)
        with self.engine.connect() as connection:
            return connection.execute(query).scalar()

    def note_identities(self, models: str, payload: str) -> None:
        """Note the identities of a configuration's models; they replace the ones that were noted before."""
        insert = t.inserting(t.identities, self.engine.dialect)
        values = {"payload": payload, "noted_at": time.time()}
        statement = insert.values(models=models, **values)
        with self.writing() as connection:
            connection.execute(statement.on_conflict_do_update(index_elements=["models"], set_=values))


def note_withdrawal(connection: sa.Connection) -> None:
    """Note, inside an open transaction, that results are withdrawn now."""
    insert = t.inserting(t.properties, connection.dialect).values(name=WITHDRAWN, value=repr(time.time()))
    values = {"value": insert.excluded.value}
    connection.execute(insert.on_conflict_do_update(index_elements=["name"], set_=values))


def claim_property(connection: sa.Connection, name: str, value: str) -> bool:
    """Set a fact inside an open transaction, unless it is set; returns whether it was set now.

    Other transactions that set the same fact wait until this one ends.
    """
    insert = t.inserting(t.properties, connection.dialect).values(name=name, value=value)
    return connection.execute(insert.on_conflict_do_nothing(index_elements=["name"])).rowcount == 1
