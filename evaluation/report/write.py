"""Writes the files of an evaluation or comparison: JSON, Markdown, LaTeX and a page, each in one atomic step."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from curation.store.files import write_whole
from evaluation.cases import Evaluated
from evaluation.pictures import FramePictures, with_pictures
from evaluation.protocols import get
from evaluation.report.latex import comparison_latex, latex
from evaluation.report.markdown import comparison_markdown, markdown
from evaluation.report.page import chosen_cases, render_page
from evaluation.report.summaries import summary_on_grid
from pages.plots import Plot
from schemas.documents.comparison import Comparison
from schemas.errors import ConfigError, V2XumError
from schemas.kit.blame import in_one_line

JSON_NAME, PAGE_NAME, MARKDOWN_NAME, LATEX_NAME = "evaluation.json", "report.html", "evaluation.md", "evaluation.tex"


class PageFailed(V2XumError):
    """The page could not be made. The numbers are in the files that were written before; `evaluated` has them too."""

    def __init__(self, evaluated: Evaluated, folder: Path, error: Exception) -> None:
        """`error`: what went wrong."""
        super().__init__(
            f"{folder / PAGE_NAME} could not be made ({in_one_line(error)}); {JSON_NAME}, {MARKDOWN_NAME} and "
            f"{LATEX_NAME} in the same folder have all numbers"
        )
        self.evaluated = evaluated


def refuse_unusable(folder: Path, option: str = "--out") -> None:
    """Raise ConfigError, which names `option`, where no folder can be made or written at this place."""
    try:
        place = next(path for path in (folder, *folder.absolute().parents) if path.exists() or path.is_symlink())
        usable = os.access(place, os.W_OK | os.X_OK)
    except OSError as error:
        raise ConfigError(f"{option} {folder}: {error.strerror}: name a folder that you may write") from error
    if not place.is_dir():
        which = "this" if place == folder else str(place)
        raise ConfigError(f"{option} {folder}: {which} is a file: name a folder, which is made if necessary")
    if not usable:
        which = "this folder" if place == folder else str(place)
        raise ConfigError(f"{option} {folder}: {which} may not be written: name another folder")


def write_outputs(
    folder: Path,
    evaluated: Evaluated,
    *,
    pictures: FramePictures | None = None,
    by: str | None = None,
    comparisons: Sequence[Comparison] = (),
    plots: Sequence[Plot] = (),
) -> Path:
    """Write the four files of an evaluation into `folder`, which is made if necessary, and return the page's path.

    The numbers are written before the page is made, so that no fault of a plot or a picture loses them. The page shows
    the worst and best videos of the first system by the metric `by`. `pictures` has frames that the references do not
    contain; `plots` are of the training. Raises OSError, ConfigError for a metric that no video has, and PageFailed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    evaluation = evaluated.evaluation
    write_whole(folder / JSON_NAME, evaluation.model_dump_json(indent=1) + "\n")
    write_whole(folder / MARKDOWN_NAME, markdown(evaluation))
    write_whole(folder / LATEX_NAME, latex(evaluation))
    try:
        write_whole(folder / PAGE_NAME, _page(evaluated, pictures, by, comparisons, plots))
    except ConfigError:
        raise
    except Exception as error:
        raise PageFailed(evaluated, folder, error) from error
    return folder / PAGE_NAME


def _page(
    evaluated: Evaluated,
    pictures: FramePictures | None,
    by: str | None,
    comparisons: Sequence[Comparison],
    plots: Sequence[Plot],
) -> str:
    system = next(iter(evaluated.cases), "")
    chosen = chosen_cases(evaluated.cases.get(system, []), by)
    protocol = get(evaluated.evaluation.provenance.protocol)
    cases = [*chosen.worst, *chosen.best]  # only these cases need pictures
    if pictures is not None:
        cases = [
            case._replace(reference=with_pictures(case.reference, summary_on_grid(protocol, case), pictures))
            for case in cases
        ]
    return render_page(evaluated.evaluation, cases, system=system, by=by, comparisons=comparisons, plots=plots)


def write_comparison(folder: Path, comparison: Comparison) -> None:
    """Write comparison.json, .md and .tex into `folder`, which is made if necessary. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(folder / "comparison.json", comparison.model_dump_json(indent=1) + "\n")
    write_whole(folder / "comparison.md", comparison_markdown(comparison))
    write_whole(folder / "comparison.tex", comparison_latex(comparison))
