"""Loads the formats of a release by the real trainers, and compares the times that a model sees with its pictures."""
