"""`v2xum init`: a first configuration, from what the machine has and a person says."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flows.cli.app import app, guarded, named_folder, note, shown_path, typed_path
from schemas.safe_text import plain

if TYPE_CHECKING:  # heavy modules are imported by the command that needs them
    from flows.local.first_configuration import Made


@app.command()
@guarded
def init(
    folder: Annotated[Path, typer.Argument(metavar="DIR", parser=named_folder, help="The folder for it; made if new.")],
    source: Annotated[
        list[str] | None, typer.Option(help="A file, folder, list, address or YouTube id; may be repeated.")
    ] = None,
    captioner: Annotated[str | None, typer.Option(help="The address of the captioner's server.")] = None,
    captioner_model: Annotated[str | None, typer.Option(help="The name under which it knows the model.")] = None,
    summarizer: Annotated[
        str | None, typer.Option(help="The address of the summarizer's server; default: the captioner's.")
    ] = None,
    summarizer_model: Annotated[str | None, typer.Option(help="The name under which it knows the model.")] = None,
    demo_models: Annotated[
        bool,
        typer.Option("--demo-models", help="The tiny models of the demo: they run anywhere, their texts are nonsense."),
    ] = False,
    title: Annotated[str | None, typer.Option(help="The title of the dataset.")] = None,
    licence: Annotated[str | None, typer.Option(help="Its licence, such as cc-by-4.0.")] = None,
    language: Annotated[str | None, typer.Option(help="The language of its texts (ISO 639); default: en.")] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a configuration that is there.")] = False,
) -> None:
    """Write a commented configuration into DIR: it looks for GPUs and servers, and asks what you did not say.

    It asks only on a terminal. The schema beside the configuration lets editors complete and explain keys.
    """
    from flows.local.first_configuration import Wanted, first_configuration, look

    wanted = Wanted(
        source or (), captioner, captioner_model, summarizer, summarizer_model, title, licence, language, demo_models
    )
    ask = _ask if sys.stdin.isatty() and sys.stderr.isatty() else None
    _print(first_configuration(folder, wanted, look(), ask=ask, tell=note, overwrite=overwrite))


def _ask(question: str, default: str) -> str:
    answer: str = typer.prompt(question, default=default, show_default=bool(default), err=True)
    return answer


def _print(made: Made) -> None:
    path = typed_path(made.path)
    sys.stdout.write(f"{plain(shown_path(made.path), 1000)}\n")
    if not made.answers.sources:
        sys.stdout.write("it names no videos yet: write them under `sources`\n")
    if made.answers.setting == "serve" and made.answers.gpus:
        roles = ["captioner", "summarizer"][: 1 + (made.answers.captioner.url != made.answers.summarizer.url)]
        sys.stdout.write("\nno server runs yet; start each in a terminal of its own:\n")
        for number, role in enumerate(roles):
            card = f"CUDA_VISIBLE_DEVICES={number} " if len(roles) > 1 and len(made.answers.gpus) > 1 else ""
            sys.stdout.write(f"  {card}v2xum serve {role} {path} --run\n")
    sys.stdout.write(
        f"\nnext:\n  v2xum doctor {path}   # is all there that a run needs?\n"
        f"  v2xum plan {path}     # what will it take? Curates a few videos first\n"
        f"  v2xum curate {path}   # the dataset; the same command goes on after a stop\n"
    )
