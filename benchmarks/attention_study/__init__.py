"""How the cost of local attention grows with frames."""
