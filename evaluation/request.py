"""Runs a requested evaluation: reads the inputs, evaluates, writes the files. Command line, flow and demo call it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from curation.pipeline.services import open_services
from curation.workspace import Workspace
from evaluation.cases import Evaluated
from evaluation.command_line import chosen_videos, protocol_for, read_systems
from evaluation.compare import compare
from evaluation.evaluate import CrossModal, Inputs, evaluate
from evaluation.metrics.crossmodal import UNITS as CROSS_UNITS
from evaluation.metrics.crossmodal import CrossModalOptions
from evaluation.metrics.embeddings import Embedder
from evaluation.metrics.java import JavaFailed
from evaluation.metrics.text import METRICS as TEXT_METRICS
from evaluation.metrics.text import TextScorers
from evaluation.metrics.text_sums import CORPUS
from evaluation.metrics.vector_cache import VectorCache
from evaluation.no_values import why_no_values
from evaluation.pictures import FolderPictures, FramePictures, WorkspacePictures
from evaluation.protocols import Protocol
from evaluation.readers.any import kind_of, read_references, sha256_of
from evaluation.report.write import refuse_unusable, write_outputs
from models.build import build_clip
from pages.plots import Plot, Tick, curves
from schemas.configuration.model_config import ClipConfig, OpenClip, TransformersClip
from schemas.documents.comparison import Comparison
from schemas.documents.evaluation import Evaluation, SystemKind
from schemas.errors import ConfigError


class TrainingCurves(BaseModel):
    """How a training went: losses and the learning rate as (step, value), and the step that became the model."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    training: tuple[tuple[int, float], ...]
    validation: tuple[tuple[int, float], ...] = ()
    rates: tuple[tuple[int, float], ...] = ()
    best_step: int

    def plots(self) -> list[Plot]:
        """The loss and the learning rate; what was logged fewer than twice has no plot."""
        kept = Tick(self.best_step, "the model")
        losses = {"training": self.training, "validation": self.validation}
        made = curves("Loss", "step", "", losses, kept), curves("Learning rate", "step", "", {"rate": self.rates}, kept)
        return [plot for plot in made if plot is not None]


class EvaluateRequest(BaseModel):
    """What to evaluate, against which references, and how. `v2xum evaluate --help` explains every field but three.

    `kinds`: by name, the systems that are rows for comparison; the first system is compared with each of them and with
    the random floor. `curves`: of the training of the first system. `title`: what the references are called; by default
    as their files.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    predictions: tuple[str, ...] = Field(min_length=1)
    references: tuple[Path, ...] = Field(min_length=1)
    protocol: str | None = None
    split: tuple[str, ...] = ()
    splits: str | None = None
    fold: int | None = None
    out: Path = Path("evaluation")
    clip: str | None = None
    pictures: Path | None = None
    text: bool = True
    by: str | None = None
    seed: int = Field(default=0, ge=0)
    kinds: dict[str, SystemKind] = {}
    curves: TrainingCurves | None = None
    title: str | None = None


def evaluate_here(request: EvaluateRequest) -> tuple[Evaluated, Path]:
    """Evaluate in this process and write the files. Returns the evaluation and the path of its page.

    Raises ConfigError for an input that cannot be used at all, before any work also for an `out` that cannot be
    written, and where no metric of any system has a value. What is wrong with a single video is a problem in the
    result. Raises PageFailed where the numbers are written and the page could not be made.
    """
    refuse_unusable(request.out)
    paths = list(request.references)
    protocol = protocol_for(request.protocol, paths)
    known = [metric.name for metric in protocol.metrics]
    known += [*(TEXT_METRICS if request.text else ()), *(CROSS_UNITS if request.clip is not None else ())]
    if request.by is not None and request.by not in known:
        raise ConfigError(f"--by: {request.by!r} is no metric of this evaluation; there are {', '.join(known)}")
    with_pictures = request.clip is not None and kind_of(paths[0]) == "release"
    several = protocol.several_annotators
    all_references = read_references(paths, request.split or None, pictures=with_pictures, annotators=several)
    references, splits = chosen_videos(all_references, request.splits, request.fold, request.seed, paths[0])
    chosen = {reference.id for reference in references.items}
    others = [reference for reference in all_references.items if reference.id not in chosen]
    systems, hashes = read_systems(request.predictions, references.items, others)
    systems = tuple(system._replace(kind=request.kinds.get(system.name, "system")) for system in systems)
    name = request.title or ", ".join(path.resolve().name for path in paths)
    if kind_of(paths[0]) == "release" and several:
        name += " (what its annotators chose, who are models)"
    inputs = Inputs(name, sha256_of(paths), hashes, splits or ", ".join(request.split) or None)
    with ExitStack() as stack:
        pictures = stack.enter_context(_pictures(request.pictures))
        cross = _cross_modal(request, protocol, pictures) if request.clip is not None else None
        scorers = stack.enter_context(TextScorers()) if request.text else None
        try:
            evaluated = evaluate(protocol, references, systems, inputs, scorers=scorers, cross=cross, seed=request.seed)
        except JavaFailed as error:
            raise ConfigError(f"the text metrics failed: {error}; --no-text leaves them out") from error
        if (nothing := why_no_values(evaluated.evaluation)) is not None:
            raise ConfigError(nothing)
        page = write_outputs(
            request.out,
            evaluated,
            pictures=pictures,
            by=request.by,
            comparisons=_comparisons(evaluated.evaluation, request) if request.kinds else (),
            plots=request.curves.plots() if request.curves is not None else (),
        )
    return evaluated, page


def clip_config(name: str) -> ClipConfig:
    """The configuration of a CLIP from one word.

    A folder or a hub id is loaded by transformers; `ARCHITECTURE:PRETRAINED` (ViT-L-14:openai) by open_clip.
    """
    if ":" in name and not Path(name).exists():
        model, _, pretrained = name.partition(":")
        return OpenClip(engine="open_clip", model=model, pretrained=pretrained)
    return TransformersClip(engine="transformers", model=name)


def _comparisons(evaluation: Evaluation, request: EvaluateRequest) -> list[Comparison]:
    """The first system against each row for comparison that has its videos."""
    own = evaluation.systems[0].name
    others = [row.name for row in evaluation.systems if row.name in request.kinds or row.kind == "random"]
    return [
        compare(evaluation, evaluation, first_system=other, second_system=own, corpus=CORPUS, seed=request.seed)
        for other in others
        if other != own
    ]


def _cross_modal(request: EvaluateRequest, protocol: Protocol, pictures: FramePictures) -> CrossModal:
    assert request.clip is not None  # the caller has checked
    clip = build_clip(clip_config(request.clip))
    embedder = Embedder(clip, VectorCache(request.out / "vectors.sqlite"))
    return CrossModal(embedder, CrossModalOptions(clip=embedder.name, vt_frames=protocol.vt_frames), pictures)


@contextmanager
def _pictures(folder: Path | None) -> Iterator[FramePictures]:
    if folder is None:
        yield FramePictures()
        return
    workspace = Workspace(folder).find()
    if workspace is None:
        yield FolderPictures(folder)
        return
    with workspace.to_read() as place, open_services(place) as services:
        yield WorkspacePictures(services)
