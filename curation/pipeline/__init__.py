"""Runs the stages over videos: services, stage functions, hashes of settings, the loop, the budget."""
