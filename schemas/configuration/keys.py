"""All keys of a configuration, as the models state them: name, type, default, limits, unit, description.

The pages that explain keys, `v2xum schema` and `v2xum init` read them here. What is made again when a key changes says
`curation.plan.reruns`.
"""

from __future__ import annotations

import datetime
import json
from collections.abc import Iterator
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, NamedTuple, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from schemas.configuration.config import CurateConfig
from schemas.configuration.section import Section, Unit
from schemas.configuration.train_config import TrainConfig
from schemas.repository import ROOT

TAGS = ("engine", "kind")  # the keys by which the sections of one place are told apart
_WORDS = {bool: "true or false", int: "whole number", float: "number", str: "text", datetime.date: "date"}
_SIGNS = {"ge": "at least", "gt": "above", "le": "at most", "lt": "below", "multiple_of": "a multiple of"}


class Key(NamedTuple):
    """One key of a configuration.

    `name`: with dots, for instance `frames.fps`; `sources[].at` stands in every item of a list. `variant`: the key and
    value by which the section is chosen where several kinds may stand there, for instance `engine: openai`, else "".
    `section`: the model that has the key; its docstring explains the section. `sections`: the models that may stand
    under the key; none for a plain value. `type`: in words. `limits`: in words, "" without any. `default`: a plain
    value as YAML and JSON have it; None also for a key that is `required`. `unit`: "" where there is none.
    """

    name: str
    variant: str
    section: type[Section]
    sections: tuple[type[Section], ...]
    type: str
    limits: str
    required: bool
    default: Any
    unit: str
    description: str

    @property
    def default_text(self) -> str:
        """The default as one writes it in YAML; "" for a required key, and for a section, whose keys have theirs."""
        return "" if self.required or isinstance(self.default, dict) else json.dumps(self.default, ensure_ascii=False)


def keys_of(whole: type[CurateConfig] | type[TrainConfig]) -> Iterator[Key]:
    """Every key of a configuration in the order of the models, sections before what is in them.

    Where sections of several kinds may stand (`models.captioner`), the keys of each kind follow one another.
    """
    return _keys(whole, "", "", None, "")


def _keys(model: type[Section], inside: str, variant: str, given: BaseModel | None, unit: str) -> Iterator[Key]:
    for name, field in model.model_fields.items():
        default = getattr(given, name) if given is not None else field.get_default(call_default_factory=True)
        required = default is PydanticUndefined
        annotation = Annotated[field.annotation, *field.metadata] if field.metadata else field.annotation
        sections = tuple(_sections(annotation))
        own = _unit(annotation) or (unit if _is_number(annotation) else "")
        key = Key(
            name=f"{inside}{name}",
            variant=variant,
            section=model,
            sections=sections,
            type=_type(annotation),
            limits=_limits(annotation),
            required=required,
            default=None if required else _plain(default),
            unit="" if sections else own,
            description=_description(field, sections),
        )
        yield key
        below = f"{key.name}{'[]' if _is_list(annotation) else ''}."
        for one in sections:
            chosen = _variant(one) if len(sections) > 1 else variant
            yield from _keys(one, below, chosen, default if isinstance(default, one) else None, own)


def _description(field: FieldInfo, sections: tuple[type[Section], ...]) -> str:
    """What a key says of itself; of a section the first sentence of its docstring, where it says nothing more."""
    if field.description:
        return field.description
    return (sections[0].__doc__ or "").strip().partition("\n\n")[0].replace("\n    ", " ") if sections else ""


def _parts(annotation: Any) -> Iterator[Any]:
    """The members of a union without null; the annotation itself where it is no union."""
    if get_origin(annotation) is Annotated:
        yield from _parts(get_args(annotation)[0])
    elif get_origin(annotation) in (Union, UnionType):
        for member in get_args(annotation):
            yield from _parts(member)
    elif annotation is not NoneType:
        yield annotation


def _sections(annotation: Any) -> Iterator[type[Section]]:
    for part in _parts(annotation):
        if isinstance(part, type) and issubclass(part, Section):
            yield part
        elif get_origin(part) is tuple:
            yield from _sections(get_args(part)[0])


def _is_list(annotation: Any) -> bool:
    return any(get_origin(part) is tuple for part in _parts(annotation))


def _is_number(annotation: Any) -> bool:
    return any(part in (int, float) for part in _parts(annotation))


def _is_nullable(annotation: Any) -> bool:
    if get_origin(annotation) is Annotated:
        return _is_nullable(get_args(annotation)[0])
    return get_origin(annotation) in (Union, UnionType) and NoneType in get_args(annotation)


def _type(annotation: Any) -> str:
    words = [_word(part) for part in _parts(annotation)]
    return " or ".join(dict.fromkeys([*words, "null"] if _is_nullable(annotation) else words))


def _word(part: Any) -> str:
    if get_origin(part) is Literal:
        return " or ".join(map(str, get_args(part)))
    if get_origin(part) is tuple:
        inner = _type(get_args(part)[0])
        return f"list of ({inner})" if " or " in inner else f"list of {inner}"
    if isinstance(part, type) and issubclass(part, BaseModel):
        return "section"
    return _WORDS[part]


def _marks(annotation: Any) -> Iterator[Any]:
    """What is annotated, at every depth, the outermost first."""
    if get_origin(annotation) is Annotated:
        inner, *marks = get_args(annotation)
        yield from reversed(marks)
        yield from _marks(inner)
    elif get_origin(annotation) in (Union, UnionType, tuple):
        for member in get_args(annotation):
            yield from _marks(member)


def _unit(annotation: Any) -> str:
    return next((mark.name for mark in _marks(annotation) if isinstance(mark, Unit)), "")


def _limits(annotation: Any) -> str:
    """The limits of a number in words: `at least 0, at most 1`."""
    found: dict[str, Any] = {}
    for mark in _marks(annotation):
        for one in (mark, *(mark.metadata if isinstance(mark, FieldInfo) else ())):
            for sign in _SIGNS:
                if (limit := getattr(one, sign, None)) is not None:
                    found.setdefault(sign, limit)
    return ", ".join(f"{word} {found[sign]:,}" for sign, word in _SIGNS.items() if sign in found)


def _variant(section: type[Section]) -> str:
    for tag in TAGS:
        if (field := section.model_fields.get(tag)) is not None:
            return f"{tag}: {get_args(field.annotation)[0]}"
    return ""


def _plain(value: Any) -> Any:
    """A default as JSON has it."""
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if isinstance(value, str):
        return value.removeprefix(f"{ROOT}/")  # a folder of this checkout
    return value.isoformat() if isinstance(value, datetime.date) else value
