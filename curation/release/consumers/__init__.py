"""Reads a release with the programs that people read datasets with, and compares what they find with its files."""
