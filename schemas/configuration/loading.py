"""Reads a configuration file strictly, and explains in plain words what is wrong in it."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeVar, get_args

from pydantic import BaseModel, ValidationError

from schemas.configuration.config import CurateConfig, is_there, resolve_path
from schemas.configuration.model_config import (
    AnyModel,
    LocalModel,
    LocalWhisper,
    OpenAIModel,
    OpenClip,
    PictureClassifier,
    TrainedExtractor,
    TransformersClip,
    TransformersEmbedder,
)
from schemas.configuration.train_config import TrainConfig
from schemas.errors import ConfigError
from schemas.kit.yaml_values import NotYaml, yaml_mapping, yaml_values
from schemas.secret_addresses import hide_secrets, without_secrets

Whole = TypeVar("Whole", CurateConfig, TrainConfig)
_TAGS = ("engine", "kind")  # the keys by which the sections of one place are told apart
_LOADED = LocalModel | TransformersEmbedder | TransformersClip | TrainedExtractor | LocalWhisper | PictureClassifier
_PATHS = frozenset({"model", "pretrained", "tokenizer", "adapter", "weights", "folder", "language_model"})


def load_config(path: Path, overrides: Sequence[str] = ()) -> CurateConfig:
    """Read a YAML file, apply `a.b=value` overrides (values are YAML), and validate.

    Relative paths of sources and models are taken relative to the file's folder. Raises ConfigError naming
    the file, the key and, for an unknown key, the nearest known one.
    """
    return _localize(validate_config(_read(path, overrides), str(path)), path.parent)


def load_train_config(path: Path, overrides: Sequence[str] = ()) -> TrainConfig:
    """The same for the configuration of `v2xum train`. Relative paths that exist beside the file are taken from there.

    Raises ConfigError as `load_config`.
    """
    raw = _read(path, overrides)
    _localize_values(raw, path.parent, "")
    return _validated(TrainConfig, raw, str(path))


def validate_config(raw: dict[str, Any], where: str) -> CurateConfig:
    """Validate a plain mapping.

    Raises ConfigError with every problem on a line of its own; each line begins with `where`.
    """
    return _validated(CurateConfig, raw, where)


def _read(path: Path, overrides: Sequence[str]) -> dict[str, Any]:
    raw = yaml_mapping(path, "`v2xum init DIR` writes one, configs/ has examples", "configs/demo.yaml")
    for override in overrides:
        _override(raw, override)
    return raw


def _validated(model: type[Whole], raw: dict[str, Any], where: str) -> Whole:
    try:
        return model.model_validate(raw)
    except ValidationError as error:
        raise ConfigError("\n".join(f"{where}: {_explain(item, model)}" for item in error.errors())) from error


def _localize_values(raw: dict[str, Any], folder: Path, inside: str) -> None:
    """Make the paths absolute that keys such as `model` have, in every section of a training's configuration."""
    for key, value in raw.items():
        name = f"{inside}.{key}" if inside else str(key)
        if isinstance(value, dict):
            _localize_values(value, folder, name)
        elif isinstance(value, str) and key in _PATHS:
            path = resolve_path(value, folder)
            if is_there(path) or key == "folder":
                raw[key] = str(path)
            elif value.startswith((".", "/", "~")):
                told = f"{name}: {value}: there is no such file or folder (looked at {path})"
                raise ConfigError(f"{told}; correct it, or --set {name}=PATH")


def parse_override(override: str) -> tuple[list[str], Any]:
    """Split `a.b=value` into its keys and its YAML value. Raises ConfigError when it has no `=`."""
    key, equals, value = override.partition("=")
    if not equals or not key.strip():
        raise ConfigError(f"--set {without_secrets(override)}: write it as key=value, for instance --set frames.fps=2")
    try:
        return key.strip().split("."), yaml_values(value)
    except NotYaml as error:
        raise ConfigError(f"--set {key.strip()}: the value is not YAML: {error}") from error


def _override(raw: dict[str, Any], override: str) -> None:
    keys, value = parse_override(override)
    node = raw
    for depth, key in enumerate(keys[:-1]):
        child = node.setdefault(key, {})
        if not isinstance(child, dict):
            raise ConfigError(hide_secrets(f"--set {override}: {'.'.join(keys[: depth + 1])} is not a section"))
        node = child
    node[keys[-1]] = value


class _Place(NamedTuple):
    """Where a pydantic location points: the key as the file has it, the models that may stand there, and their engine.

    `others`: the models that another engine would have there.
    """

    key: str
    models: list[type[BaseModel]]
    engine: str | None
    others: list[type[BaseModel]]


def _explain(item: Any, whole: type[BaseModel]) -> str:
    location = [str(part) for part in item["loc"]]
    if item["type"] in ("union_tag_not_found", "union_tag_invalid"):
        place = _place(location, whole)
        known = sorted({engine for model in place.models for engine in _engines(model)})
        tag = str(item["ctx"]["discriminator"]).strip("'")
        tag = tag if tag in _TAGS else _TAGS[0]
        found = f"{tag} {item['ctx']['tag']!r} is not known" if "tag" in item["ctx"] else f"it names no {tag}"
        return f"{place.key}: {found} (known here: {', '.join(known)})"
    if item["type"] != "extra_forbidden":
        return _told(_place(location, whole).key, item)
    name, place = location[-1], _place(location[:-1], whole)
    known = sorted({field for model in place.models for field in model.model_fields})
    others = [_engines(model)[0] for model in place.others if name in model.model_fields]
    near = [] if others else difflib.get_close_matches(name, known, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    with_engine = f" with engine: {place.engine}" if place.engine is not None else ""
    elsewhere = f"; engine: {' and engine: '.join(others)} would have it" if others else ""
    key = f"{place.key}.{name}" if place.key else name
    return f"{key}: unknown key{with_engine}{hint}{elsewhere} (known here: {', '.join(known)})"


def _told(key: str, item: Any) -> str:
    """A problem with a value. What a validator of ours says of several keys names them itself."""
    if item["type"] == "value_error":
        message = str(item["ctx"]["error"])
        return f"{key}: {message}" if key else message
    message = "must be a list, such as [a, b]" if item["type"] == "tuple_type" else item["msg"]
    return f"{key or '(top level)'}: {message}"


def _place(location: Sequence[str], whole: type[BaseModel]) -> _Place:
    """Follow a location from the top. The engine of a model is a part of it that the file does not have as a key."""
    current: list[type[BaseModel]] = [whole]
    keys, engine, others = [], None, list[type[BaseModel]]()
    for part in location:
        inner = [
            model
            for one in current
            if part in one.model_fields
            for model in _models_in(one.model_fields[part].annotation)
        ]
        chosen = [model for model in current if part in _engines(model)]
        if chosen and not any(part in model.model_fields for model in current):
            current, engine, others = chosen, part, [model for model in current if model not in chosen]
            continue
        keys.append(part)
        current, engine, others = inner or current, None, []  # a position in a list adds no level
    return _Place(".".join(keys), current, engine, others)


def _engines(model: type[BaseModel]) -> tuple[str, ...]:
    """The values of a model's key `engine` or `kind`, by which those of one place are told apart; none without it."""
    return tuple(value for tag in _TAGS if (f := model.model_fields.get(tag)) for value in get_args(f.annotation))


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for argument in get_args(annotation) for model in _models_in(argument)]


def _localize(config: CurateConfig, folder: Path) -> CurateConfig:
    """Make relative paths that exist beside the configuration file absolute, and always `media_path`."""

    def local(text: str, key: str) -> str:
        path = resolve_path(text, folder)
        if not is_there(path) and text.startswith((".", "/", "~")):
            shown = without_secrets(text)
            where = f" (looked at {path})" if str(path) != text else ""
            way = "give --source" if key == "sources.at" else f"--set {key}=PATH"
            raise ConfigError(f"{key}: {shown}: there is no such file or folder{where}; correct it, or {way}")
        return str(path) if is_there(path) else text

    def localized(model: AnyModel, key: str) -> AnyModel:
        if isinstance(model, _LOADED):
            return model.model_copy(update={"model": local(model.model, f"{key}.model")})
        if isinstance(model, OpenClip):
            return model.model_copy(update={"pretrained": local(model.pretrained, f"{key}.pretrained")})
        if not isinstance(model, OpenAIModel):
            return model
        changed: dict[str, Any] = {}
        if model.media_path is not None:  # the folder need not exist yet, so its path is always made absolute
            changed["media_path"] = str(resolve_path(model.media_path, folder))
        if model.serve.weights is not None:
            changed["serve"] = model.serve.model_copy(
                update={"weights": local(model.serve.weights, f"{key}.serve.weights")}
            )
        return model.model_copy(update=changed)

    models: dict[str, Any] = {}
    for name, model in config.models.named().items():
        models[name] = localized(model, f"models.{name}")
    models["annotators"] = tuple(models.pop(f"annotators.{place}") for place in range(len(config.models.annotators)))
    binding = config.binding
    if binding.canary_pictures is not None:
        binding = binding.model_copy(
            update={"canary_pictures": local(binding.canary_pictures, "binding.canary_pictures")}
        )
    refresh = config.refresh
    if refresh.opt_outs is not None:
        refresh = refresh.model_copy(update={"opt_outs": local(refresh.opt_outs, "refresh.opt_outs")})
    return config.model_copy(
        update={
            "binding": binding,
            "refresh": refresh,
            "workspace": config.workspace and str(resolve_path(config.workspace, folder)),  # it need not exist yet
            "sources": tuple(s.model_copy(update={"at": local(s.at, "sources.at")}) for s in config.sources),
            "models": config.models.model_copy(update=models),
            **{
                section: value.model_copy(
                    update={
                        key: local(getattr(value, key), f"{section}.{key}")
                        for key in keys
                        if getattr(value, key).endswith(".md")
                    }
                )
                for section, value, keys in (
                    ("caption", config.caption, ("prompt",)),
                    ("extract", config.extract, ("prompt", "speech_prompt")),
                    ("refine", config.refine, ("prompt", "speech_prompt")),
                )
            },
            **(
                {
                    "audit": config.audit.model_copy(
                        update={"judge_prompt": local(config.audit.judge_prompt, "audit.judge_prompt")}
                    )
                }
                if config.audit.judge_prompt.endswith(".md")
                else {}
            ),
        }
    )
