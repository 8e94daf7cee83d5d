"""Scores video summarizers against references, under named protocols and with intervals."""
