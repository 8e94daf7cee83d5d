"""Small tools that every package may use: ports and child processes, Retry-After, errors of pictures, content words."""
