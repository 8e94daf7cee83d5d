"""The configuration of a run: sections of the YAML file, and the strict reader."""
