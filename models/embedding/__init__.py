"""CLIP and sentence embedders."""
