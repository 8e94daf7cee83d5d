"""Brings people's annotations from Label Studio into the ledger as verdicts."""
