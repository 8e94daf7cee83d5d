"""Checks that each caption belongs to its own frame, and withdraws captions that may be wrong."""
