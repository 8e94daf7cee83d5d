"""Review in Label Studio: people judge samples, and their verdicts come back into the ledger."""
