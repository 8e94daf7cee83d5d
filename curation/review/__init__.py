"""Verdicts of people: stored, combined by rules, applied to samples."""
