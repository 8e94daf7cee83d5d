"""What `v2xum deploy` does: reads prefect.yaml, compares it with a Prefect server, and makes the server like it."""
