"""`python -m flows.cli` is the command `v2xum`."""

from flows.cli.main import main

if __name__ == "__main__":  # spawned processes import this file again under another name
    main()
