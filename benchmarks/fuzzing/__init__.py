"""Fuzzing of everything that reads what comes from outside: one list of parsers, for tests and for long runs."""
