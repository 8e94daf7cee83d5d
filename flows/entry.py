"""What the `v2xum` command starts with.

Nothing is imported until it runs: child processes that decode import the program's start again, and must come up fast.
"""

from __future__ import annotations


def main() -> None:
    """Run the command line."""
    from flows.cli import main as run

    run()
