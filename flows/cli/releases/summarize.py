"""The command `v2xum summarize`: a video becomes a summary by a trained checkpoint."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from flows.cli.app import JsonOption, app, guarded, print_json, shown_path
from schemas.safe_text import plain_line


@app.command()
@guarded
def summarize(
    video: Annotated[str, typer.Argument(metavar="VIDEO", help="A video file, or the address of one.")],
    model: Annotated[Path, typer.Option(help="A trained checkpoint: OUT/model of `v2xum train`.")],
    out: Annotated[Path, typer.Option(help="The folder for summary.json, contact_sheet.jpg and summary.mp4.")],
    captioner: Annotated[
        Path | None,
        typer.Option(metavar="CONFIG", help="A file of `v2xum curate`: its captioner, for models that read captions."),
    ] = None,
    subtitles: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="What is said (.vtt, .srt, .json3), for models that read it."),
    ] = None,
    allow_private_addresses: Annotated[
        bool,
        typer.Option("--allow-private-addresses", help="Also fetch from this machine and private networks."),
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Summarize one video with a trained checkpoint: keyframes, text, both on a time line, and a short film."""
    from schemas.configuration.config import DownloadConfig
    from schemas.configuration.loading import load_config
    from training.summarize import summarize

    download = DownloadConfig(allow_private_addresses=allow_private_addresses)
    captioning = load_config(captioner) if captioner is not None else None
    made = summarize(video, model, out, download, Path.cwd(), captioning, subtitles)
    if as_json:
        print_json(made.record)
        return
    record = made.record
    sys.stdout.write(
        f"{len(record['keyframes'])} keyframes of {record['frames']} frames ({record['duration']:.0f} s)\n"
    )
    said = record["interleaved"] or record["text"]
    if said:
        sys.stdout.write("\n".join(map(plain_line, said.splitlines())) + "\n")
    for name, path in made.files.items():
        sys.stdout.write(f"{name.replace('_', ' '):<14}{shown_path(path)}\n")
