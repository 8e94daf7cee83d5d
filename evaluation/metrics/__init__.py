"""The metrics: text, video, and cross-modal."""
