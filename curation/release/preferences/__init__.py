"""Preference pairs: what people wrote or chose, beside what the model had written or chosen, and what it was asked."""
