"""What Alembic runs for every command: the steps, on the connection and in the transaction that it is handed."""

from __future__ import annotations

from alembic import context

from curation.ledger.tables import metadata


def run() -> None:
    """Run the steps that Alembic's command names."""
    context.configure(
        connection=context.config.attributes["connection"],
        target_metadata=metadata,
        render_as_batch=True,  # SQLite alters a table by making it anew
        transactional_ddl=True,
    )
    with context.begin_transaction():
        context.run_migrations()


if __name__ == "env_py":  # Alembic's name for this file when it runs it; an ordinary import runs nothing
    run()
