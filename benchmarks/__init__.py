"""What measures speed and memory, each against a named baseline in the same minute. `python -m benchmarks` runs all.

Every module prints a line of JSON with `--json`. Ratios count; absolute times say little on shared machines.
"""
