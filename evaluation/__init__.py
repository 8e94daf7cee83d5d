"""Scores summarizers against references under named protocols, with intervals."""
