"""Flows for deployments of what needs files: they take paths and plain values, which a schedule and a form can hold."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from prefect import flow
from pydantic import Field

from curation.pipeline.budget import Budget
from curation.pipeline.run import open_run
from curation.release.versions import find_release
from curation.workspace import Workspace as WorkspaceFolder
from flows.curate import curate
from flows.shared.events import tells_of_failure
from flows.shared.parameters import Limit, Overrides, Positive, Text, Version, Workspace
from schemas.configuration.loading import load_config, load_train_config
from schemas.errors import ConfigError

Config = Annotated[Text, Field(description="The YAML file of the run, with its `sources:`.")]
TrainConfigFile = Annotated[Text, Field(description="A YAML file such as those in configs/train.")]


@flow(name="curate-file", flow_run_name="curate-file {workspace}", persist_result=False)
@tells_of_failure("curate")
def curate_file(
    config: Config,
    workspace: Workspace,
    overrides: Overrides = (),
    limit: Limit = None,
    adopt: Annotated[bool, Field(description="Also where the workspace is of a dataset with another name.")] = False,
    allow_fewer: Annotated[
        bool, Field(description="Also when samples of the last export leave it without a reason.")
    ] = False,
    max_cost: Annotated[
        Positive | None, Field(description="Stop at this cost of the run, in the currency of `prices`.")
    ] = None,
    max_hours: Annotated[Positive | None, Field(description="Stop after so many hours.")] = None,
    max_tokens: Annotated[
        Positive | None, Field(description="Stop after so many tokens of models, read and written.")
    ] = None,
) -> None:
    """Curate into a workspace by a configuration file; both paths are relative to the flow run's working directory.

    Raises ConfigError for a wrong configuration, one without sources, and a cost without prices, and RunStopped as
    `curate` does, BudgetReached too; the next run continues from there.
    """
    loaded = load_config(Path(config), overrides)
    if not loaded.sources:
        raise ConfigError(f"{config}: no `sources:`; a scheduled run needs them")
    budget = Budget(max_cost, max_hours, max_tokens, loaded.prices)
    with open_run(Path(workspace), loaded) as run:  # the flow works in the run that is open
        run.services.budget = budget
        curate(loaded, Path(workspace), limit, adopt=adopt, allow_fewer=allow_fewer)


@flow(name="train", flow_run_name="train {out}", persist_result=False)
@tells_of_failure("train")
def train(
    train_config: TrainConfigFile,
    workspace: Workspace,
    version: Version,
    out: Annotated[Text, Field(description="The folder for features, checkpoints, the model and its evaluation.")],
    overrides: Overrides = (),
    resume: Annotated[bool, Field(description="Go on from the last finished checkpoint in that folder.")] = False,
) -> dict[str, Any]:
    """Train a summarizer on a release of a workspace and evaluate it; returns what `finetune` returns.

    Raises ConfigError for a wrong configuration and a release that is not there, and what a training raises.
    """
    from flows.finetune import finetune  # torch takes seconds to import
    from training.run import TrainRequest

    release = find_release(WorkspaceFolder(Path(workspace)).require(), version)
    config = load_train_config(Path(train_config), overrides)
    return finetune(TrainRequest(config=config, release=release, out=Path(out), resume=resume))


@flow(name="evaluate", flow_run_name="evaluate {out}", persist_result=False)
def evaluate(
    predictions: Annotated[
        list[Text],
        Field(min_length=1, description="`NAME=PATH`: a file of predictions, or a release. One line for each system."),
    ],
    references: Annotated[
        list[Text],
        Field(min_length=1, description="A release, an export, or files of a known dataset. The first says which."),
    ],
    out: Annotated[Text, Field(description="The folder for evaluation.json, its tables and report.html.")],
    protocol: Annotated[
        Text | None, Field(description="What the numbers mean, such as `instruct-v2xum`. Empty: by the references.")
    ] = None,
    split: Annotated[list[Text] | None, Field(description="Only videos of these splits. Empty: of all.")] = None,
    clip: Annotated[
        Text | None,
        Field(description="The CLIP of the cross-modal metrics: folder, hub id or ARCHITECTURE:PRETRAINED."),
    ] = None,
    pictures: Annotated[
        Text | None, Field(description="Frame pictures: a workspace, or a folder of files ID/000012.jpg.")
    ] = None,
    text: Annotated[bool, Field(description="Also the text metrics, which need Java.")] = True,
    by: Annotated[Text | None, Field(description="The metric by which the page chooses worst and best videos.")] = None,
    seed: Annotated[int, Field(ge=0, description="The seed of resamples and random scores.")] = 0,
) -> dict[str, Any]:
    """Score predictions against references, as `v2xum evaluate` does; returns what `benchmark` returns.

    Raises ConfigError for input that cannot be used at all.
    """
    from evaluation.request import EvaluateRequest  # it imports scipy, which other flows do not need
    from flows.benchmark import benchmark

    return benchmark(
        EvaluateRequest(
            predictions=tuple(predictions),
            references=tuple(map(Path, references)),
            protocol=protocol,
            split=tuple(split or ()),
            out=Path(out),
            clip=clip,
            pictures=None if pictures is None else Path(pictures),
            text=text,
            by=by,
            seed=seed,
        )
    )
