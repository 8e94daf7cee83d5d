"""Where every video stands and why, for people and programs."""
