"""Scores of finished samples: grounding, coverage, redundancy, support, and an optional judge."""
