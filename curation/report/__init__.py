"""The page of a run: figures, plots, and the worst videos with their pictures."""
