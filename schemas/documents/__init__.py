"""The JSON documents that commands print for other programs: status, explanations, plans, reports, evaluations."""
