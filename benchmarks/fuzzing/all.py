"""The list of all parsers of outside input, by name."""

from __future__ import annotations

from benchmarks.fuzzing import files, releases, texts
from benchmarks.fuzzing.parser import Parser

PARSERS: dict[str, Parser] = {
    parser.name: parser for parser in (*texts.parsers(), *files.parsers(), *releases.parsers())
}
