"""Makes Label Studio tasks of samples; each sample has one task."""
