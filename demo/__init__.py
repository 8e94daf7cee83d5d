"""The demo world: scripted videos with known truth, their web site, and the score of the result."""
