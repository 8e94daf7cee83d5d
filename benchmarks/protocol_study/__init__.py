"""Shows on real annotations how far evaluation protocols differ."""
