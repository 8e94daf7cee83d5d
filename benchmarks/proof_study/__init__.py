"""The proof: whether a summarizer that learned from rows that people verified is better than one of raw rows."""
