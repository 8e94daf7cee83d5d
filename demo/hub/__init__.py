"""A stand-in of the Hugging Face Hub on 127.0.0.1: datasets, branches, tags, uploads in both ways, and faults."""
