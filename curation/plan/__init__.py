"""Estimates what a run will cost, and checks that a machine is ready for it."""
