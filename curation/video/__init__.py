"""Opens hostile video files in child processes: the sandbox, the probe, encoding, and copies for browsers."""
