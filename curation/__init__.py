"""The stages from source to dataset as pure functions, and the ledger and store that they resume from."""
