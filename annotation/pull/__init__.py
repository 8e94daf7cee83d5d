"""Reads what people did in Label Studio into verdicts of the ledger."""
