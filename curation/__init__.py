"""The stages of curation as pure functions, and the ledger and store that they resume from. No Prefect here."""
