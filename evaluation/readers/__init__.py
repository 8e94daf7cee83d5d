"""Reads references and predictions from the files of datasets, systems and releases."""
