"""An OpenAI-compatible server that fails by a seeded plan, for tests and dry runs."""
