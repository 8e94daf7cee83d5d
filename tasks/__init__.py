"""Prefect tasks: thin shells around the pure functions of curation, and their policies."""
