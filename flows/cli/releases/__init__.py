"""Commands on finished releases, each in a file of its own."""
