"""Runs that are started from a terminal: their Prefect server, progress, model server, listener."""
