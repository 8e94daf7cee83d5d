"""The demo, which `make demo` runs: render a small web site, curate it like any other site, and score the result.

The truth is known, because the videos are scripted. Only the scores at the end use it.
"""

from __future__ import annotations

import argparse
import filecmp
import logging
import shutil
import sys
import time
from pathlib import Path

import typer
from rich.console import Console
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from curation.dataset.check import validate
from curation.dataset.export import pictures_of
from curation.pipeline.services import open_services
from curation.release.browse.make import make_site
from curation.release.gate import Limits
from curation.release.versions import released as versions_in
from curation.report.last_summary import with_findings
from curation.status.standings import all_rejections, samples
from curation.store.folder_swap import names
from curation.workspace import Workspace
from demo import site
from demo.contact_sheet import contact_sheet
from demo.measure import figures, score
from demo.truth import Known, write_truth
from demo.world import make_script
from evaluation.request import EvaluateRequest, evaluate_here
from flows.cli.app import guarded
from flows.cli.main import write_any_text
from flows.cli.printing.print_evaluation import print_evaluation
from flows.cli.printing.print_status import print_status
from flows.local.curate import curate_here
from flows.release_steps import release_workspace
from schemas.configuration.loading import load_config
from schemas.documents.status import WorkspaceStatus
from schemas.errors import ConfigError
from schemas.records import Sample
from schemas.repository import KEPT, ROOT
from schemas.safe_text import plain

SHOWN = 3
VERSION = "0.1.0"
STATED = ("export.title=The v2xum-curator demo", "export.licence=apache-2.0")  # of the demo's own world


def main() -> None:
    """Run the demo. The exit code is 0 when there is a dataset at the end."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--folder", type=Path, default=KEPT / "demo", help="the folder for all files")
    parser.add_argument("--videos", type=int, default=12, help="the number of good videos to render")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.ERROR)
    write_any_text()
    try:
        guarded(run)(arguments.folder.resolve(), arguments.videos, Console())
    except typer.Exit as end:
        sys.exit(end.exit_code)


def run(folder: Path, videos: int, console: Console) -> None:
    """Render, serve, curate, show, score, load and evaluate; all files lie below `folder`."""
    began = time.monotonic()
    console.rule("1. Render a small web site")
    offered = site.build(folder / "site", videos)
    console.print(
        f"{videos} videos as files, HTML pages and HLS playlists, {len(offered) - videos} broken ones, "
        f"in {time.monotonic() - began:.0f} s"
    )
    console.rule("2. Curate it")
    config = load_config(ROOT / "configs" / "demo.yaml", STATED)
    workspace = folder / "workspace"
    with site.serve(folder / "site") as base:
        site.write_list(folder / "videos.csv", base, offered)
        counts = curate_here(config, workspace, [str(folder / "videos.csv")], None)
    print_status(with_findings(counts, Workspace(workspace)), workspace, console)
    seeds = {offer.id: offer.seed for offer in offered if offer.seed is not None}
    place = Workspace(workspace)
    with open_services(place, config) as services:
        console.rule("3. What was set aside, and why")
        for rejection in all_rejections(services.view):
            line = f"{rejection.id:16} {rejection.reason}: {plain(rejection.evidence)}"
            console.print(Text(line), overflow="ellipsis", no_wrap=True)
        console.rule(f"4. {SHOWN} samples")
        made = list(samples(services.view))
        require_samples(made, counts)
        for sample in made[:SHOWN]:
            show(sample, console)
            path = folder / "sheets" / f"{sample.video.id}.png"
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(contact_sheet(sample, pictures_of(services)))
    console.rule("5. Compare it with the scripts")
    console.print(score_table(made, seeds))
    console.rule("6. Load it as a user does")
    console.print(loaded(workspace / "export"))
    console.rule("7. Release it, as version 0.1.0")
    console.print(released(place, folder))
    browse = make_site(workspace / "releases" / VERSION, folder / "browse").folder / "index.html"
    console.rule("8. Evaluate it as a researcher does")
    known = known_videos(offered, made)
    write_truth(folder / "truth.json", known)
    request = EvaluateRequest(
        predictions=(f"curated={workspace / 'export'}",),
        references=(folder / "truth.json",),
        out=folder / "evaluation",
        clip=str(ROOT / "data" / "demo" / "clip"),
        pictures=workspace,
    )
    evaluated, page = evaluate_here(request)
    print_evaluation(evaluated.evaluation, console)
    took = time.monotonic() - began
    console.print(
        f"\nContact sheets  {shown(folder / 'sheets')}/*.png\nDataset         {shown(workspace / 'export')}\n"
        f"Release         {shown(workspace / 'releases' / VERSION)}\n"
        f"Its page        {shown(browse)}\n"
        f"Report          {shown(workspace / 'report' / 'report.html')}\n"
        f"Evaluation      {shown(page)}\n"
        f"                v2xum evaluate curated={shown(workspace / 'export')} \\\n"
        f"                  --references {shown(folder / 'truth.json')}\n"
        f"One sample      v2xum explain {shown(workspace)} {made[0].video.id}\n"
        f"Your own        v2xum curate configs/demo.yaml --source FOLDER_OR_LIST --workspace data/runs/mine \\\n"
        f"                  --set binding.mode=score-only\n"
        f"                (the tiny models know only the demo's world, so the binding audit would stop the run;\n"
        f"                real models: configs/instruct_v2xum.yaml and docs/guides/serving.md)\n"
        f"The demo took {took:.0f} s.",
        highlight=False,
        soft_wrap=True,
    )


def known_videos(offered: list[site.Offer], made: list[Sample]) -> list[Known]:
    """All videos whose scripts are known, also those that became no sample.

    Of a cut file, only the sampled seconds count.
    """
    sampled = {sample.video.id: len(sample.frames.frames) for sample in made}
    scripts = {offer.id: make_script(offer.seed) for offer in offered if offer.seed is not None}
    return [Known(i, script, min(sampled.get(i, script.duration), script.duration)) for i, script in scripts.items()]


def require_samples(made: list[Sample], counts: WorkspaceStatus) -> None:
    """Raise ConfigError with the reasons when no video became a sample."""
    if not made:
        reasons = "; ".join(f"{videos} {reason}" for reason, videos in counts.reasons.items())
        raise ConfigError(f"no video became a sample: {reasons or 'none got so far'}")


def show(sample: Sample, console: Console) -> None:
    """Print the summary of a sample in a frame, with its title and figures."""
    lines = Text()
    for sentence in sample.summary.v2vt:
        lines.append("".join(f"[{t:.0f}]" for t in sentence.times) + " ", style="cyan")
        lines.append(plain(sentence.text) + "\n")
    lines.rstrip()
    head = f"{sample.video.id}  {plain(sample.source.title or '')}"
    foot = f"{len(sample.extract.keyframes)} of {len(sample.frames.frames)} frames ({sample.extract.ratio:.1%})"
    console.print(Panel(lines, title=Text(head), subtitle=Text(foot), title_align="left", subtitle_align="left"))


def score_table(made: list[Sample], seeds: dict[str, int]) -> Table:
    """The scores of all samples whose script is known: a row for each video and a last row for all."""
    table = Table(show_edge=False, pad_edge=False)
    for name in ("video", "captions right", "keyframe F1", "events named", "of", "all of them"):
        table.add_column(name, justify="left" if name == "video" else "right")
    scores = [(s.video.id, score(s, make_script(seeds[s.video.id]))) for s in made if s.video.id in seeds]
    for name, result in scores:
        table.add_row(
            name,
            f"{result.captions:.1%}",
            f"{result.keyframes:.3f}",
            str(result.named),
            str(result.events),
            _yes(result.complete),
        )
    if scores:
        every = [result for _, result in scores]
        total = figures(every)
        table.add_section()
        table.add_row(
            f"{len(every)} videos",
            f"{total['captions_exactly_right']:.1%}",
            f"{total['keyframe_f1']:.3f}",
            str(sum(result.named for result in every)),
            str(sum(result.events for result in every)),
            f"{sum(result.complete for result in every)} of {len(every)}",
            style="bold",
        )
    return table


def _yes(value: bool) -> str:
    return "yes" if value else "no"


def loaded(export: Path) -> str:
    """Check the export against its manifest, load it with `datasets`, and describe it. Raises ConfigError."""
    import datasets

    if problems := validate(export):
        raise ConfigError("\n".join(problems))

    datasets.disable_progress_bars()
    dataset = datasets.load_dataset(str(export), cache_dir=str(export.parent / "datasets-cache"))
    lines = ["every file agrees with manifest.json", f'datasets.load_dataset("{shown(export)}")']
    lines += [f"  {split:10} {len(rows):4} rows" for split, rows in dataset.items()]
    row = next(iter(dataset.values()))[0]
    picture = row["keyframes"][0]["image"]
    lines.append(
        f"  the first keyframe of {row['id']} is a {picture.size[0]} x {picture.size[1]} {picture.mode} picture"
    )
    return "\n".join(lines)


def released(place: Workspace, folder: Path) -> str:
    """Make the release 0.1.0 anew, load it, and describe it.

    It is made a second time in another folder, where it must have the same bytes, and in its place, where it must be
    refused. The release of an earlier demo is removed: it was made to be looked at. Raises ConfigError.
    """
    import datasets

    target, again = place.root / "releases" / VERSION, folder / "release-again"
    others = [str(version) for version in versions_in(target.parent) if str(version) != VERSION]
    if others:  # they were compared with this one, and the demo's would be lower than they are
        raise ConfigError(
            f"{target.parent} has {', '.join(others)} besides the demo's release: run the demo with another --folder, "
            "or remove them"
        )
    for old in (target, again):
        shutil.rmtree(old, ignore_errors=True)
    release_workspace(place, VERSION, Limits())
    release_workspace(place, VERSION, Limits(), releases=again)
    if not same_files(target, again / VERSION):
        raise ConfigError(f"{again / VERSION}: a second release of the same ledger has other bytes than {target}")
    try:
        release_workspace(place, VERSION, Limits())
    except ConfigError as error:
        refused = plain(str(error).removeprefix(f"{target} "))
    else:
        raise ConfigError(f"{target}: the release was made a second time")
    shutil.rmtree(again)
    dataset = datasets.load_dataset(str(target), cache_dir=str(folder / "workspace" / "datasets-cache"))
    row = next(iter(dataset.values()))[0]
    sheet = row["contact_sheet"]
    lines = [f'datasets.load_dataset("{shown(target)}")']
    lines += [f"  {split:10} {len(rows):4} rows" for split, rows in dataset.items()]
    lines.append(f"  the contact sheet of {row['id']} is a {sheet.size[0]} x {sheet.size[1]} {sheet.mode} picture")
    lines.append(f"made a second time: the same bytes; in its place: {refused}")
    return "\n".join(lines)


def same_files(first: Path, second: Path) -> bool:
    """Whether two folders have the same files with the same bytes."""
    there = names(first)
    return there == names(second) and all(filecmp.cmp(first / name, second / name, shallow=False) for name in there)


def shown(path: Path) -> str:
    """A path as text, relative to the current folder where it lies below that."""
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)


if __name__ == "__main__":
    main()
