"""How a run grows with its videos, measured from 300 to 30,000, and a model of what more machines would gain."""
