"""Chat models behind OpenAI-compatible servers: requests, load, failures, limits."""
