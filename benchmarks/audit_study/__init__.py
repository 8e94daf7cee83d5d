"""A study of the audit's limits: support on true, exchanged and invented texts, and false alarms about repetitions."""
