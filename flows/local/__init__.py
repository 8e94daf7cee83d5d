"""Runs that are started from a terminal: their Prefect server, progress display, model servers, review listener."""
