"""What it costs that several processes may share a ledger in PostgreSQL."""
