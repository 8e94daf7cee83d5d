"""Parts of the records: their base, and what is said in a video."""
