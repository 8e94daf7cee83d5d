"""The page of the JSON documents that commands print for other programs, from their classes."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Iterator

import schemas.documents
from flows.cli.reference.markdown import code, page, sentence, table
from flows.cli.reference.types import type_name
from schemas.documents.document import Document


def render() -> str:
    """The page: a section for every module of documents, a table for every class."""
    about = (
        "Commands that read take `--json` and print one document on stdout; messages go to stderr. The changelog says "
        "when a field changes; ignore fields that you do not know."
    )
    return page("JSON documents", about, *_sections())


def documents() -> Iterator[tuple[str, list[type[Document]]]]:
    """The classes of each module of schemas.documents, with the module's docstring."""
    for info in sorted(pkgutil.iter_modules(schemas.documents.__path__), key=lambda each: each.name):
        module = importlib.import_module(f"schemas.documents.{info.name}")
        classes = [
            each
            for each in vars(module).values()
            if inspect.isclass(each)
            and issubclass(each, Document)
            and each is not Document
            and each.__module__ == module.__name__
        ]
        if classes:
            yield sentence(module.__doc__), classes


def _sections() -> Iterator[str]:
    for about, classes in documents():
        module = classes[0].__module__.rpartition(".")[2]
        yield f"## {module.replace('_', ' ').capitalize()}"
        yield about
        for each in classes:
            yield f"### {each.__name__}"
            yield sentence(each.__doc__)
            rows = ((code(name), code(type_name(field.annotation))) for name, field in each.model_fields.items())
            yield table(("Field", "Type"), rows)
