"""The ledger's rows about published videos: what rechecks found, and who opted out."""
