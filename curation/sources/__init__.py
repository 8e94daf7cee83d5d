"""Reads what the user names into `Source` records; filters on what publishers say."""
