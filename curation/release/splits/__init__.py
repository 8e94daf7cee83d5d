"""Splits that do not leak: near-duplicate videos are found, grouped with their channel, and stay in one split."""
