"""Backups of the ledger, and its repair: what is right is kept, and what was lost is said."""
