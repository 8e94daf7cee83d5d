"""Benchmarks of speed and memory, each against a named baseline. Every result is a line of JSON."""
