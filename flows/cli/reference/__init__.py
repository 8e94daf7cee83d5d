"""Writes the reference of the documentation from the code: `python -m flows.cli.reference`."""
