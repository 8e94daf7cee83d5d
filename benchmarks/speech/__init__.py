"""Speech recognition of spoken sentences whose words are known: word-error rate and speed."""
