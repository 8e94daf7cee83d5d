"""Asks language models: a caption a frame, the extractive summary, the abstractive summary."""
