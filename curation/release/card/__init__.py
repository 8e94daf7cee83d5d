"""The card of a release and what stands beside it: figures, plots, citation, Croissant."""
