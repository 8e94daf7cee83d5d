"""`v2xum schema`: the JSON Schema of a configuration, for editors."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from flows.cli.app import app, guarded, print_json_text, shown_path
from schemas.errors import ConfigError
from schemas.safe_text import plain


@app.command()
@guarded
def schema(
    of: Annotated[
        Literal["curate", "train"], typer.Option("--of", help="The configuration of `v2xum curate` or `v2xum train`.")
    ] = "curate",
    out: Annotated[Path | None, typer.Option("--out", help="Write it into this file instead of printing it.")] = None,
) -> None:
    """Print the JSON Schema of the configuration, with which editors complete keys and explain them."""
    from curation.store.files import write_whole
    from schemas.configuration.config import CurateConfig
    from schemas.configuration.json_schema import json_schema
    from schemas.configuration.train_config import TrainConfig

    text = json.dumps(json_schema(CurateConfig if of == "curate" else TrainConfig), indent=1, ensure_ascii=False)
    if out is None:
        print_json_text(text)
        return
    if out.exists() and not _is_schema(out):
        raise ConfigError(f"{out}: it is there already, and is no JSON Schema; name another file")
    write_whole(out, text + "\n")
    sys.stdout.write(
        f"{plain(shown_path(out), 1000)}\nfirst line of a configuration: # yaml-language-server: $schema="
        f"{plain(out.name, 300)}\n"
    )


def _is_schema(path: Path) -> bool:
    try:
        return "$schema" in json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, TypeError, RecursionError):
        return False
