"""Opens hostile video files in child processes: probe, encode, browser copies."""
