"""Prefect tasks and their policies, nothing else."""
