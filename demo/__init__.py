"""The demo: scripted videos with known truth, their web site, tiny models, a faulty server, and scores."""
