"""Compares the captions per second of a run with what its model server can do."""
