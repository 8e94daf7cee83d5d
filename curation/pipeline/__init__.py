"""Runs stages over videos: services, stage functions, settings hashes, the one loop, budget."""
