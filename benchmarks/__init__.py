"""Measures speed and memory, each against a named baseline; every result is a line of JSON."""
