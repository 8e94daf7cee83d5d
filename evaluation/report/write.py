"""Writes the files of an evaluation or comparison: JSON, Markdown, LaTeX and a page, each in one atomic step."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from curation.store.files import write_whole
from evaluation.cases import Evaluated
from evaluation.pictures import FramePictures, with_pictures
from evaluation.report.latex import comparison_latex, latex
from evaluation.report.markdown import comparison_markdown, markdown
from evaluation.report.page import chosen_cases, render_page
from schemas.documents.comparison import Comparison

JSON_NAME, PAGE_NAME, MARKDOWN_NAME, LATEX_NAME = "evaluation.json", "report.html", "evaluation.md", "evaluation.tex"


def write_outputs(
    folder: Path,
    evaluated: Evaluated,
    *,
    pictures: FramePictures | None = None,
    by: str | None = None,
    comparisons: Sequence[Comparison] = (),
) -> Path:
    """Write the four files of an evaluation into `folder`, which is made if necessary, and return the page's path.

    The page shows the worst and best videos of the first system by the metric `by`. `pictures` has frames that the
    references do not contain. Raises OSError, and ValueError for a metric that no video has.
    """
    folder.mkdir(parents=True, exist_ok=True)
    evaluation = evaluated.evaluation
    system = next(iter(evaluated.cases), "")
    chosen = chosen_cases(evaluated.cases.get(system, []), by)
    cases = [*chosen.worst, *chosen.best]  # only these cases need pictures
    if pictures is not None:
        cases = [case._replace(reference=with_pictures(case.reference, case.prediction, pictures)) for case in cases]
    page = render_page(evaluation, cases, system=system, by=by, comparisons=comparisons)
    write_whole(folder / JSON_NAME, evaluation.model_dump_json(indent=1) + "\n")
    write_whole(folder / MARKDOWN_NAME, markdown(evaluation))
    write_whole(folder / LATEX_NAME, latex(evaluation))
    write_whole(folder / PAGE_NAME, page)
    return folder / PAGE_NAME


def write_comparison(folder: Path, comparison: Comparison) -> None:
    """Write comparison.json, .md and .tex into `folder`, which is made if necessary. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(folder / "comparison.json", comparison.model_dump_json(indent=1) + "\n")
    write_whole(folder / "comparison.md", comparison_markdown(comparison))
    write_whole(folder / "comparison.tex", comparison_latex(comparison))
