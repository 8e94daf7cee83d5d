"""Verdicts of people: their store, the rules that combine them, and the samples with their edits applied."""
