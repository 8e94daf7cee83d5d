"""Prefect flows, one file for each flow; cli/ is the command line, local/ runs flows from it."""
