"""Writes evaluations and comparisons for people: tables in Markdown and LaTeX, plots, an HTML page."""
