"""A study on real annotations of how much evaluation protocols change the same results."""
