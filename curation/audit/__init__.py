"""Scores finished samples: captions against pictures, coverage, redundancy, support, a judge."""
