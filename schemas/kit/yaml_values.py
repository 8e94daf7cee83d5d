"""Reads YAML from anybody: its values, or one error that says where, and never what stands there."""

from __future__ import annotations

from typing import Any

import yaml

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
