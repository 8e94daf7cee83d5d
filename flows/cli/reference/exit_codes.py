"""The page of exit codes and of the environment, from schemas.meanings."""

from __future__ import annotations

from flows.cli.reference.markdown import code, page, table
from schemas.meanings.exits import EXIT_CODES, VARIABLES


def render() -> str:
    """The page: a table of the codes, and one of the variables."""
    codes = ((str(each.code), each.means, each.do) for each in EXIT_CODES)
    variables = ((code(each.name), each.means) for each in VARIABLES)
    return page(
        "Exit codes and environment",
        table(("Code", "What happened", "What to do"), codes),
        "Ctrl-C and SIGTERM end a run at a safe point within seconds; a second signal ends it at once.",
        "## Environment",
        "Secrets come from the environment only. They are in no configuration, ledger, log or release.",
        table(("Variable", "What it is for"), variables),
    )
