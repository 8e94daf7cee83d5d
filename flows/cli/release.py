"""The commands `v2xum release` and `v2xum media`: an immutable release of a workspace, and the videos of one."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, get_args

import typer

from curation.workspace import Workspace
from flows.cli.app import JsonOption, WorkspaceArgument, app, fail, guarded, named_folder, print_json, shown_path
from schemas.kit.number_of import number_of
from schemas.release import FormatChoice, FormatName, Inputs, Task, Times
from schemas.safe_text import plain

if TYPE_CHECKING:  # heavy modules are imported by the command that needs them
    from curation.release.make import Plan
    from schemas.release import ReleaseManifest

_SHOWN = 20


def _one_of(names: tuple[str, ...]) -> Callable[[str], str]:
    """A reader of an option that takes these words; typer knows no lists of literals."""

    def read(text: str) -> str:
        if text not in names:
            raise typer.BadParameter(f"{text!r} is none of {', '.join(names)}")
        return text

    return read


@app.command()
@guarded
def release(
    workspace: WorkspaceArgument,
    version: Annotated[str, typer.Argument(help="The release's version, such as 0.1.0; it must be a new one.")],
    max_unreviewed: Annotated[
        float | None,
        typer.Option(min=0, max=1, help="Refuse the release when a larger share of its rows is unreviewed."),
    ] = None,
    max_error_rate: Annotated[
        float | None,
        typer.Option(
            min=0, max=1, help="Refuse it when the 95 % interval of the label-error rate reaches above this share."
        ),
    ] = None,
    benchmark: Annotated[
        list[Path] | None,
        typer.Option(
            help="A list of a known benchmark's ids or titles (text, JSON), or a folder of its videos; may be "
            "repeated. The card says which rows are in it."
        ),
    ] = None,
    formats: Annotated[
        list[str] | None,
        typer.Option(
            "--format",
            parser=_one_of(get_args(FormatName)),
            metavar="|".join(get_args(FormatName)),
            help="Also write the rows in the format of a trainer; may be repeated.",
        ),
    ] = None,
    inputs: Annotated[
        Inputs, typer.Option(help="What LLaMA-Factory and ms-swift read: videos of a folder, or frames in the files.")
    ] = "videos",
    times: Annotated[Times, typer.Option(help="How the answers of these and of TRL write times.")] = "seconds",
    task: Annotated[
        list[str] | None,
        typer.Option(
            parser=_one_of(get_args(Task)),
            metavar="|".join(get_args(Task)),
            help="A task that has records; may be repeated. v2xum-llm has V2VT otherwise, the others all.",
        ),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be released, and write nothing.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Write WORKSPACE/releases/VERSION from the finished videos: a dataset folder that never changes again."""
    from curation.release.gate import Limits
    from flows.release_steps import release_workspace

    place = Workspace(workspace).require()
    limits = Limits(max_unreviewed, max_error_rate)
    asked = {"names": formats or (), "inputs": inputs, "times": times, "tasks": task or ()}
    choice = FormatChoice.model_validate(asked)
    plan, manifest = release_workspace(
        place, version, limits, benchmarks=benchmark or (), formats=choice, dry_run=dry_run
    )
    if as_json:
        print_json(document(plan, manifest))
    else:
        _print(plan, manifest)


def document(plan: Plan, manifest: ReleaseManifest | None) -> dict[str, object]:
    """What `--json` prints: the folder, and the manifest; of a dry run the figures of the manifest that are known."""
    known = {"version": plan.version, "samples": len(plan.ids), "review": plan.figures.model_dump(mode="json")}
    fields = known if manifest is None else manifest.model_dump(mode="json")
    return {"folder": str(plan.folder), "written": manifest is not None, **fields}


def _print(plan: Plan, manifest: ReleaseManifest | None) -> None:
    figures = plan.figures
    checked = f"{figures.unreviewed} unreviewed ({figures.unreviewed_share:.1%})"
    if manifest is None:
        sys.stdout.write(f"would release {number_of(len(plan.ids), 'sample')} as {plan.version}, {checked}\n")
        return
    size = sum(file.bytes for file in manifest.files)
    sys.stdout.write(
        f"release   {shown_path(plan.folder)}\n"
        f"samples   {manifest.samples}, {checked}\n"
        f"files     {len(manifest.files) + 1}, {size / 1e6:,.1f} MB\n"
    )
    if (report := manifest.split_report) is not None:
        found = [number_of(len(report.duplicates), "pair") + " of near duplicates"]
        found += [number_of(len(report.conflicts), "leak") + " of earlier releases"] if report.conflicts else []
        known = {hit.id for hit in report.benchmark_hits}
        found += [number_of(len(known), "video") + " of benchmarks"] if known else []
        sys.stdout.write(f"splits    {', '.join(found)}\n")
    if manifest.formats.names:
        sys.stdout.write(f"formats   {', '.join(manifest.formats.names)}\n")
    for each in manifest.configurations:
        rows = ", ".join(f"{split.split} {split.rows}" for split in each.splits) or "no rows"
        sys.stdout.write(f"  {each.name:12} {rows}\n")


@app.command()
@guarded
def media(
    workspace: WorkspaceArgument,
    version: Annotated[str, typer.Argument(help="The version of one of its releases.")],
    out: Annotated[Path, typer.Option(parser=named_folder, metavar="PATH", help="The folder for the videos.")],
    as_json: JsonOption = False,
) -> None:
    """Copy the videos of a release into a folder, under the names that the formats of trainers use."""
    from curation.release.formats.media import fill_media
    from curation.release.versions import find_release

    place = Workspace(workspace).require()
    filled = fill_media(place.store(), find_release(place, version), out)
    if as_json:
        print_json({"folder": str(out), **filled._asdict()})
    else:
        sys.stdout.write(f"{shown_path(out)} holds {number_of(filled.held, 'video')}, {filled.before} from before\n")
    if filled.missing:
        more = [f"and {len(filled.missing) - _SHOWN} more"] if len(filled.missing) > _SHOWN else []
        lines = [f"{number_of(len(filled.missing), 'video')} of the release are not in the store:"]
        lines += [plain(each, 300) for each in filled.missing[:_SHOWN]]
        fail("\n".join([*lines, *more, "`v2xum curate` fetches lost files again"]), 1)
