"""Metrics of video, text and both, under named protocols, with intervals, and their reports. No Prefect here."""
