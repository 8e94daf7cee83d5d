"""The files of a release that are made from its rows: the card, the citation, and what stands beside them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from curation.release.card.citation import CITATION, render_citation
from curation.release.card.croissant import CROISSANT, render_croissant
from curation.release.card.figures import read_figures
from curation.release.card.plots import draw_plots
from curation.release.card.readme import render_card
from curation.release.formats.registry import write_formats
from curation.release.refresh.opt_outs import FILE as OPT_OUTS
from curation.release.refresh.opt_outs import published_list
from curation.release.written import Written

CARD = "README.md"

Document = Callable[[Written], None]


def _card(written: Written) -> None:
    """README.md, and the plots that it shows."""
    folder, manifest, _, example = written
    figures = read_figures(folder)
    plots = draw_plots(folder, manifest, figures, manifest.review.agreement)
    _text(folder / CARD, render_card(manifest, written.services.config, figures, plots, example))


def _citation(written: Written) -> None:
    _text(written.folder / CITATION, render_citation(written.manifest, written.services.config.export))


def _croissant(written: Written) -> None:
    _text(written.folder / CROISSANT, render_croissant(written.manifest, written.services.config))


def _opt_outs(written: Written) -> None:
    services = written.services
    if text := published_list(services.ledger.opt_outs(), services.config.refresh):
        _text(written.folder / OPT_OUTS, text)


def _text(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8", newline="\n")


# Each writes its files below `folder`; equal rows give equal bytes. The card comes last, since it shows the others.
DOCUMENTS: tuple[Document, ...] = (_citation, _opt_outs, write_formats, _croissant, _card)
