"""The answers to the gold questions that a workspace asked, where no annotator can read them.

    WORKSPACE/review/gold.json     mode 0600; Label Studio serves nothing but WORKSPACE/review/files/media

Once a question was asked its answer stays: a verdict on it may come at any time.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from pathlib import Path

from pydantic import ValidationError

from annotation.label_studio.access import review_folder, write_secret
from schemas.errors import ConfigError
from schemas.gold import Answer, Answers

_FILE = "gold.json"


def read_answers(workspace: Path) -> Answers | None:
    """What is known; None where no question was ever asked. Raises ConfigError when the file cannot be read."""
    path = workspace / "review" / _FILE
    try:
        return Answers.model_validate_json(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        why = "not as it was written" if isinstance(error, ValidationError) else str(error)
        raise ConfigError(
            f"{path}: the answers to gold questions are not readable ({why}); restore the file from a backup. Without "
            "it verdicts on gold questions would pass for verdicts on samples"
        ) from None  # a validation error would quote the answers


def known_answers(workspace: Path) -> dict[str, Answer]:
    """The answers by sample id. Raises ConfigError as `read_answers`."""
    known = read_answers(workspace)
    return {} if known is None else known.answers


def gold_key(workspace: Path) -> str:
    """The workspace's own key, 64 hex digits, made when there is none. Raises ConfigError as `read_answers`."""
    known = read_answers(workspace)
    if known is None:
        known = Answers(key=secrets.token_hex(32))
        _write(workspace, known)
    return known.key


def add_answers(workspace: Path, answers: Mapping[str, Answer]) -> None:
    """Note answers beside those that are there, of which none is ever taken away. For the holder of the push's lock."""
    known = Answers(key=gold_key(workspace), answers={**known_answers(workspace), **answers})
    if known != read_answers(workspace):
        _write(workspace, known)


def _write(workspace: Path, answers: Answers) -> None:
    write_secret(review_folder(workspace) / _FILE, answers.model_dump_json(indent=1) + "\n")
