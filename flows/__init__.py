"""Composition: Prefect flows and the command line. No logic about videos lives here."""
