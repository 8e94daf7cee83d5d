"""Several machines on this one: what a run gains from nodes, and what it loses when they fail."""
