"""Reads YAML from anybody: its values, or one error that says where, and never what stands there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from schemas.errors import ConfigError

# What PyYAML lets through for values that their tag does not fit: `2020-99-99`, `!!int x`, `!!bool x`, `!!timestamp x`.
_NO_VALUE = (ValueError, LookupError, AttributeError, TypeError, ArithmeticError)


class NotYaml(ValueError):
    """A text that is no YAML of plain values. The message repeats nothing of it: a password may stand in it."""


def yaml_values(text: str) -> Any:
    """The plain values (mappings, lists, texts, numbers, dates) of a YAML text. Raises NotYaml."""
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark, problem = getattr(error, "problem_mark", None), getattr(error, "problem", None)
        place = f"line {mark.line + 1}, column {mark.column + 1}: " if mark is not None else ""
        raise NotYaml(place + (problem or type(error).__name__)) from error
    except RecursionError:
        raise NotYaml("nested too deeply") from None
    except _NO_VALUE as error:
        raise NotYaml("a date, a number or a tagged value that is none; write texts in quotation marks") from error


def yaml_mapping(path: Path, missing: str, like: str) -> dict[str, Any]:
    """The keys and values of a YAML file that a user wrote.

    `missing` tells the way out where there is no such file, `like` names an example. Raises ConfigError with the file.
    """
    try:
        raw = yaml_values(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ConfigError(f"{path}: no such file; {missing}") from error
    except NotYaml as error:
        raise ConfigError(f"{path}: not YAML: {error}") from error
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read: {error}") from error
    if not isinstance(raw, dict):
        raise ConfigError(f"{path}: the file must be a mapping of keys, like {like}")
    return raw
