"""Samples the frames of a video at a fixed rate, and finds defects, shots and similar frames."""
