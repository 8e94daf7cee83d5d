"""Small tools that every package may use: children, Retry-After, picture errors, content words, storable text."""
