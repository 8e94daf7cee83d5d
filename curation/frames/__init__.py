"""Samples one picture a second from a video, and finds defects, shots and similar frames."""
