"""One file for each version of the tables; it is frozen, and imports nothing of the ledger's modules."""
