"""The database of what is done, from what: sources, results, replies, runs, and the table of stages."""
