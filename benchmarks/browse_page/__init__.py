"""The page of a release with many rows: how fast it is made, and how fast it answers in a browser."""
