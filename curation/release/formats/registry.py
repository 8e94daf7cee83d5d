"""All formats of trainers, and the two things that are done with them: they are written, and they are read back."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
from pydantic import ValidationError

from curation.release.formats.format import FOLDER, Format
from curation.release.formats.llamafactory import LLAMAFACTORY
from curation.release.formats.ms_swift import MS_SWIFT
from curation.release.formats.reading import first
from curation.release.formats.trl import TRL
from curation.release.formats.v2xum_llm import V2XUM_LLM
from curation.release.formats.videoxum import VIDEOXUM
from curation.release.versions import MANIFEST
from curation.release.written import Written
from schemas.configuration.config import CurateConfig
from schemas.errors import ConfigError
from schemas.release import FormatChoice, ReleaseManifest

FORMATS: tuple[Format, ...] = (LLAMAFACTORY, MS_SWIFT, TRL, V2XUM_LLM, VIDEOXUM)
FORM = 2  # raised when equal rows give other files than before


def write_formats(written: Written) -> None:
    """Write the chosen formats into `formats/NAME` of a release. Raises ReleaseRefused for frames that are lost."""
    for each in FORMATS:
        if each.name in written.manifest.formats.names:
            folder = written.folder / FOLDER / each.name
            folder.mkdir(parents=True)
            each.write(written, folder)


def check_formats(release: Path) -> list[str]:
    """The faults of a release's formats in words, each with its file; an empty list means that all can be read.

    Every record is read by this project's own code, compared with its row of `full`, and held against the rules of its
    trainer. The release may come from anywhere.
    """
    try:
        manifest = ReleaseManifest.model_validate_json((release / MANIFEST).read_bytes())
    except (OSError, ValidationError) as error:
        return [f"{MANIFEST}: cannot be read: {type(error).__name__}"]
    problems: list[str] = []
    for each in (known for known in FORMATS if known.name in manifest.formats.names):
        folder = release / FOLDER / each.name
        try:
            found = first(each.check(release, folder, manifest))
        except (
            OSError, pa.ArrowException, ArithmeticError, AttributeError, LookupError, TypeError, ValueError,
        ) as error:  # fmt: skip
            found = [f"cannot be read: {type(error).__name__}: {error}"]
        problems += [f"{FOLDER}/{each.name}: {problem}" for problem in found]
    return problems


def raise_if_without_frames(choice: FormatChoice, config: CurateConfig) -> None:
    """Raise ConfigError when a chosen format holds pictures and the configuration leaves all pictures out."""
    if choice.hold_frames and not config.export.images:
        raise ConfigError(
            "the formats trl and `--inputs frames` hold pictures, and export.images is false: set it, or take "
            "`--inputs videos` and leave out trl"
        )
