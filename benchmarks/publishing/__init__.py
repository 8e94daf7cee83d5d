"""Benchmarks of publishing: the bytes that a second version sends, and kills of publications."""
