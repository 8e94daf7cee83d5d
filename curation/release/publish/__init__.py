"""Publishing a release: what is sent, where to, and the order of the steps."""
