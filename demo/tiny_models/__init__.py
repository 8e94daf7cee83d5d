"""Trains the tiny checkpoints of the demo from scratch."""
