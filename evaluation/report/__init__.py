"""Writes an evaluation: tables in Markdown and LaTeX, curves, a page."""
