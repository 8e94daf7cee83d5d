"""The configurations of a release: one file each, with its columns and its rows."""
