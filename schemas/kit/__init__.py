"""Small tools for every package: children, Retry-After, picture errors, content words, storable text, plurals."""
