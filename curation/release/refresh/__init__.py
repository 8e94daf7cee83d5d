"""Keeps published releases true: who opted out, what is gone, what is new, and which version comes next."""
