"""Writes the dataset of a workspace: rows, Parquet shards, card, manifest; and checks it."""
