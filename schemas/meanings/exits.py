"""The exit codes of `v2xum`, and the variables of the environment that it reads."""

from __future__ import annotations

from typing import NamedTuple


class ExitCode(NamedTuple):
    """A number with which a command ends, what it means, and what to do then."""

    code: int
    means: str
    do: str


class Variable(NamedTuple):
    """A variable of the environment and what it is for."""

    name: str
    means: str


EXIT_CODES = (
    ExitCode(0, "Done.", ""),
    ExitCode(
        1,
        "Stopped, and can go on: a server that is gone, a full disk, a broken audit, rows that failed for now. "
        "`v2xum check` and `v2xum doctor`: something is wrong.",
        "Read the last lines, mend the cause, and give the same command again. Nothing finished is lost.",
    ),
    ExitCode(2, "The command line, the configuration or the input is wrong.", "The message names the key and the fix."),
    ExitCode(
        3,
        "Finished, with more rejections than `run.max_rejected`, or more failed predictions than `--max-failed`.",
        "`v2xum status` lists the reasons; raise the limit if they are right.",
    ),
    ExitCode(
        4, "The budget of the call is used up.", "The same command with a new budget goes on. `v2xum export` exports."
    ),
    ExitCode(130, "Interrupted by Ctrl-C.", "The same command goes on."),
    ExitCode(143, "Ended by SIGTERM (Slurm, Kubernetes, `timeout`).", "The same command goes on."),
)
VARIABLES = (
    Variable("V2XUM_API_KEY", "The key of model servers; `api_key_env` names another variable."),
    Variable("V2XUM_COOKIES_FILE", "A file of cookies in Netscape's format, for downloads."),
    Variable("V2XUM_PROXY", "The address of a proxy, for downloads."),
    Variable("V2XUM_LEDGER", "A PostgreSQL database for the ledger; without it the ledger is a SQLite file."),
    Variable("V2XUM_LABEL_STUDIO_URL", "An existing Label Studio."),
    Variable("V2XUM_LABEL_STUDIO_TOKEN", "A token for it."),
    Variable("V2XUM_LABEL_STUDIO_FILES", "The folder that it serves files from, as it sees it."),
    Variable("V2XUM_LABEL_STUDIO_VENV", "The environment in which `v2xum review serve` installs Label Studio."),
    Variable("V2XUM_LABEL_STUDIO_POSTGRES", "A PostgreSQL database for Label Studio; without it it uses SQLite."),
    Variable("V2XUM_LABEL_STUDIO_WEBHOOKS", "`1`: our Label Studio may send webhooks to `v2xum review listen`."),
    Variable("V2XUM_FAULTS_API_KEY", "The key that the faulty server wants."),
    Variable("HF_TOKEN", "The token for the Hugging Face Hub: publishing, gated models."),
)
