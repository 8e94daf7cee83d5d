"""The rows of a release in the formats of today's trainers, one file a format."""
