"""Releases become tensors, and summarizers are trained on them."""
