"""The commands that work on a workspace: curate, status, explain, retry, export."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from curation.ledger.stages import SOURCE
from curation.pipeline.open import open_ledger, open_view
from curation.report.last_summary import with_findings
from curation.status.counts import summarize
from curation.status.explain import explain as explain_video
from curation.status.explain import find_one
from curation.status.listing import list_videos
from curation.status.lost_speech import forget_speech, lost_speech
from curation.status.run_now import with_run
from curation.status.selection import Place, Selection
from curation.workspace import Workspace
from flows.cli.app import (
    JsonOption,
    LimitOption,
    RunFolderOption,
    SetOption,
    WorkspaceArgument,
    app,
    fail,
    guarded,
    note,
    overrides,
    print_json,
    run_folder,
    shown_path,
    typed_path,
)
from flows.cli.printing.print_run import print_run
from flows.cli.printing.print_status import print_status
from flows.cli.start.choosing import ClassOption, ReasonOption, StageOption, StateOption, selection_of
from schemas.errors import ConfigError
from schemas.kit.number_of import number_of
from schemas.review import REASONS

_NOT_TRIED = {  # reasons that `v2xum status` shows, and that are computed anew by every command
    "duplicate": "another video has the same bytes",
    "unsupported": "its audit refuses the summary (audit.refuse_below)",
    "awaits_review": "people decide on it (`v2xum review push` asks them)",
    **dict.fromkeys(("rejected", *REASONS), "people rejected it (`v2xum review push` asks them)"),
    "opted_out": 'its publisher opted out; `"lifted": true` in the list ends that (docs/guides/refreshing.md)',
}
AllowFewerOption = Annotated[
    bool, typer.Option("--allow-fewer", help="Export also when samples of the last export leave it without a reason.")
]


@app.command()
@guarded
def curate(
    config: Annotated[Path, typer.Argument(help="The run's YAML file; configs/ has examples.")],
    source: Annotated[
        list[str] | None,
        typer.Option(help="A file, folder, URL, YouTube id or list to curate instead of the configuration's sources."),
    ] = None,
    workspace: RunFolderOption = None,
    limit: LimitOption = None,
    set_: SetOption = None,
    max_cost: Annotated[
        float | None, typer.Option(help="Stop when this run has cost this much, by the `prices` configured.")
    ] = None,
    max_hours: Annotated[float | None, typer.Option(help="Stop when this run has taken this many hours.")] = None,
    max_tokens: Annotated[
        float | None, typer.Option(help="Stop when this run has paid for this many tokens, read and written.")
    ] = None,
    allow_fewer: AllowFewerOption = False,
    adopt: Annotated[
        bool, typer.Option("--adopt", help="Take over the workspace of a dataset with another `name`.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Turn the videos of the sources into an exported dataset; run it again to continue where it stopped."""
    # These load what the stages need, which the other commands do without.
    from curation.pipeline.budget import Budget
    from flows.local.curate import curate_here
    from schemas.configuration.loading import load_config

    resolved = load_config(config, overrides(set_, source))
    root = run_folder(workspace, resolved)
    budget = Budget(max_cost, max_hours, max_tokens, resolved.prices)
    counts = curate_here(
        resolved, root, source or (), limit, budget, adopt=adopt, allow_fewer=allow_fewer, as_json=as_json
    )
    counts = with_findings(counts, Workspace(root))
    if as_json:
        print_json(counts)
    else:
        print_status(counts, root)
        page = shown_path(root / "report" / "report.html")
        sys.stdout.write(f"\ndataset   {shown_path(root / 'export')}\nreport    {page}\n")
        sys.stdout.write(f"explain   v2xum explain {typed_path(root)} ID\n")
    if counts.videos and (counts.rejected + counts.retryable) / counts.videos > resolved.run.max_rejected:
        fail("more videos were rejected than run.max_rejected allows; `v2xum status` lists the reasons", 3)


@app.command()
@guarded
def status(workspace: WorkspaceArgument, as_json: JsonOption = False) -> None:
    """Show the progress of a run and who works on it: every video is a sample, rejected, retryable or pending."""
    found = Workspace(workspace).require()
    with found.to_read() as place, open_view(place) as view:
        counts = with_findings(summarize(view), found)  # the report lies beside a ledger that is only borrowed
        counts = with_run(counts, view.ledger, found)
    if as_json:
        print_json(counts)
    else:
        print_status(counts, workspace)
        print_run(counts.run)


@app.command()
@guarded
def explain(
    workspace: WorkspaceArgument,
    video: Annotated[
        str | None,
        typer.Argument(
            metavar="[ID]",
            help="A video's id or the start of it, a file's hash, an address, a title, or LIST:ROW of a rejected row; "
            "or choose several with the options below.",
            show_default=False,
        ),
    ] = None,
    release: Annotated[
        str | None,
        typer.Option(
            help="Show what this release says of it, such as 0.1.0, and how the ledger differs from that now."
        ),
    ] = None,
    state: StateOption = None,
    stage: StageOption = None,
    reason: ReasonOption = None,
    error_class: ClassOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show everything about one video: origin, hashes, timestamps, prompts, models, tokens, attempts, rejections."""
    selection = selection_of(None, state, stage, reason, error_class)
    if (video is None) == (not selection) or (selection and release is not None):
        raise ConfigError("name one video (`v2xum list` shows their ids), or choose several with --state and so on")
    if video is None:
        _explain_selected(Workspace(workspace).require(), selection, as_json=as_json)
        return
    if release is not None:
        _explain_published(workspace_first("explain", workspace, [video]), release, video, as_json=as_json)
        return
    with workspace_first("explain", workspace, [video]).to_read() as place, open_view(place) as view:
        answer = explain_video(view, find_one(view.ledger, video, workspace))
    if as_json:
        print_json(answer)
    else:
        from flows.cli.printing.print_explanation import print_explanation

        print_explanation(answer, workspace)


def _explain_selected(found: Workspace, selection: Selection, *, as_json: bool) -> None:
    """Explain every video that is meant, one after the other; as JSON a line for each."""
    from flows.cli.printing.print_explanation import print_explanation

    with found.to_read() as place, open_view(place) as view:
        for number, row in enumerate(list_videos(view, selection).listed):
            answer = explain_video(view, row.id)
            if as_json:
                print_json(answer)
                continue
            if number:
                sys.stdout.write("\n")
            print_explanation(answer, found.root)


def _explain_published(found: Workspace, version: str, video: str, *, as_json: bool) -> None:
    from curation.pipeline.services import open_services
    from curation.release.diff.explain import explain_published
    from curation.release.versions import find_release

    folder = find_release(found, version)
    with found.to_read() as place, open_services(place) as services:
        answer = explain_published(folder, video, services)
    if as_json:
        print_json(answer)
    else:
        from flows.cli.printing.print_published import print_published

        print_published(answer)


@app.command()
@guarded
def retry(
    workspace: WorkspaceArgument,
    ids: Annotated[
        list[str] | None, typer.Argument(help="Ids of videos; default: all videos that match the options.")
    ] = None,
    error_class: ClassOption = None,
    stage: StageOption = None,
    reason: ReasonOption = None,
    state: StateOption = None,
) -> None:
    """Forget rejections, so that the next `v2xum curate` tries those videos again.

    It forgets transcripts with gaps too. Without ids and options: what may pass by itself (`--class transient`).
    """
    selection = selection_of(ids, state, stage, reason, error_class) or Selection(classes=("transient",))
    if selection.states and not {"rejected", "retryable"}.intersection(selection.states):
        raise ConfigError("--state: only rejected and retryable videos can be tried again")
    place = workspace_first("retry", workspace, list(ids or ()))
    with place.lock(), open_ledger(place) as ledger:
        rejections, silent = list(ledger.rejections()), list(lost_speech(ledger))
        reasons = {r.reason for r in rejections}
        for named in selection.reasons:
            if named in _NOT_TRIED and named not in reasons:
                raise ConfigError(f"--reason {named}: {_NOT_TRIED[named]}; there is nothing to try again")
        known = {source.id for source in ledger.sources(list(ids or ()))}
        if unknown := [video for video in ids or () if video not in known]:
            raise ConfigError(f"{workspace} has no video {', '.join(map(repr, unknown))}: give ids in full")
        selection.check([*map(Place.of_rejection, rejections), *silent], ids_are_known=True)
        chosen = [r for r in rejections if selection.takes(Place.of_rejection(r))]
        # A list's row is read again by every run, which makes its rejection anew: there is nothing to try.
        rows = [rejection for rejection in chosen if rejection.stage == SOURCE]
        tried = [rejection for rejection in chosen if rejection.stage != SOURCE]
        for rejection in tried:
            ledger.forget(rejection.id, rejection.stage)
        again = [place for place in silent if selection.takes(place._replace(state="retryable"))]
        for place_of_speech in again:
            forget_speech(ledger, place_of_speech)
    told = number_of(len(tried), "rejection") + (f" and {number_of(len(again), 'transcript')}" if again else "")
    then = "run `v2xum curate` again to try them" if tried or again else "nothing that is meant can be tried again"
    sys.stdout.write(f"{told} forgotten; {then}\n")
    if rows:
        stay = "stays rejected while it stands" if len(rows) == 1 else "stay rejected while they stand"
        sys.stdout.write(
            f"{number_of(len(rows), 'unusable row')} {stay} in the list: mend it there "
            "(`v2xum explain` shows the list and the row), then run `v2xum curate` again\n"
        )


@app.command()
@guarded
def export(
    workspace: WorkspaceArgument,
    to: Annotated[
        Path | None,
        typer.Option("--to", help="Write the dataset into this folder instead, and nothing into the workspace."),
    ] = None,
    allow_fewer: AllowFewerOption = False,
) -> None:
    """Write WORKSPACE/export again from the finished videos, where it is out of date or damaged."""
    from curation.dataset.export import export_to, export_workspace
    from curation.pipeline.services import open_services

    place = Workspace(workspace).require()
    if to is not None:
        with place.to_read(always_borrow=True) as borrowed, open_services(borrowed) as services:
            manifest = export_to(to, services, allow_fewer=allow_fewer)
        sys.stdout.write(f"{number_of(manifest.samples, 'sample')} in {shown_path(to)}\n")
        return
    with place.lock(), open_services(place) as services:
        manifest = export_workspace(place, services, allow_fewer=allow_fewer, note=note)
    sys.stdout.write(f"{number_of(manifest.samples, 'sample')} in {shown_path(place.export)}\n")


def workspace_first(command: str, first: Path, others: Sequence[str]) -> Workspace:
    """The workspace at `first`. Raises ConfigError, which says so where another argument names the workspace."""
    place = Workspace(first).find()
    if place is None:
        for other in others:
            if Workspace(Path(other)).find():
                words = [other, str(first), *(word for word in others if word != other)]
                raise ConfigError(f"the workspace comes first: v2xum {command} {shlex.join(words)}")
    return place or Workspace(first).require()
