"""Prints documents as text for a terminal."""
