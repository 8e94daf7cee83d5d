"""A small scripted world with known truth, and the trainer of the two tiny checkpoints that describe it."""
