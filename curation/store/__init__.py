"""Files on disk: the content-addressed store, atomic writes, and unfinished downloads."""
