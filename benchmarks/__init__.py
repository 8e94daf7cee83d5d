"""What measures speed and memory, each against a named baseline in the same minute. `python -m benchmarks` runs all.

Every module has `measure() -> dict`, whose ratios count; absolute times say little on shared machines.
"""
