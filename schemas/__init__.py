"""Records, configuration, time grammar, errors and the Arrow schema: what crosses between stages.

Nothing here performs input or output beyond reading a configuration file, and nothing here imports
another package of the project.
"""
