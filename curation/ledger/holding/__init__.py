"""Takes and holds claims: their rows, the heartbeat that renews one, and the claim of a whole run."""
