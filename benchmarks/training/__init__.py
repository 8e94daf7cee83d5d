"""Benchmarks of trainings: whether batches are made fast enough."""
