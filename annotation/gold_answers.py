"""Stores the answers to a workspace's gold questions in a file that no annotator can read.

    WORKSPACE/review/gold.json     mode 0600; Label Studio serves only WORKSPACE/review/files/media

An answer is never removed once its question was asked: a verdict on the question can arrive at any later time.
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
    """The stored key and answers; None when no question was ever asked. Raises ConfigError for an unreadable file."""
    path = workspace / "review" / _FILE
    try:
        return Answers.model_validate_json(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        why = "its content is damaged" if isinstance(error, ValidationError) else str(error)
        raise ConfigError(
            f"{path}: the answers to gold questions are not readable ({why}); restore the file from a backup. Without "
            "it, verdicts on gold questions would count as verdicts on samples"
        ) from None  # a validation error would quote the answers


def known_answers(workspace: Path) -> dict[str, Answer]:
    """The answers by sample id. Raises ConfigError as `read_answers`."""
    stored = read_answers(workspace)
    return {} if stored is None else stored.answers


def gold_key(workspace: Path) -> str:
    """The workspace's key, 64 hex digits; it is made and stored first when there is none.

    Raises ConfigError as `read_answers`.
    """
    stored = read_answers(workspace)
    if stored is None:
        stored = Answers(key=secrets.token_hex(32))
        _write(workspace, stored)
    return stored.key


def add_answers(workspace: Path, answers: Mapping[str, Answer]) -> None:
    """Store answers beside the present ones, none of which is removed. The caller must hold the push's lock."""
    merged = Answers(key=gold_key(workspace), answers={**known_answers(workspace), **answers})
    if merged != read_answers(workspace):
        _write(workspace, merged)


def _write(workspace: Path, answers: Answers) -> None:
    write_secret(review_folder(workspace) / _FILE, answers.model_dump_json(indent=1) + "\n")
