"""The README of a release: the card with the header that the Hub reads.

As in the export's card, everything that the template prints is escaped unless this module made it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from curation.dataset.card import card_header, load_card
from curation.release.card import statements
from curation.release.card.citation import render_bibtex
from curation.release.card.figures import Distribution, Figures
from curation.release.card.plots import Plot
from curation.release.card.published import PAPER, TOLERANCE, compare
from curation.release.configurations.registry import CONFIGURATIONS
from curation.release.gate import error_rate
from pages.markdown import Markdown, escape_markdown
from schemas.configuration.config import CurateConfig
from schemas.documents.review_report import Agreement, Estimate
from schemas.instructions import ASK
from schemas.meanings.columns import meaning
from schemas.release import ReleaseManifest

_PEOPLE, _TITLE = 50, "Untitled dataset"


def render_card(
    manifest: ReleaseManifest,
    config: CurateConfig,
    figures: Figures,
    plots: Sequence[Plot],
    example: Mapping[str, Any] | None,
) -> str:
    """The README of a release. `example` is a row of `full` to quote, `plots` are those in the release's folder."""
    files = {
        each.name: {split.split: f"{each.name}/{split.split}-*.parquet" for split in each.splits}
        for each in manifest.configurations
        if each.splits
    }
    languages = tuple(dict.fromkeys(name for name in (config.caption.language, config.refine.language) if name))
    text = load_card("release_card/card.md.j2").render(
        m=manifest,
        header=Markdown(card_header(manifest, languages, files, manifest.made_from[:16])),
        title=manifest.title or _TITLE,
        example=example,
        first_split=Markdown(manifest.splits[0].split),
        configurations=manifest.configurations,
        shows={each.name: each.shows for each in CONFIGURATIONS},
        columns={Markdown(name): Markdown(meaning(name, "default")) for name in CONFIGURATIONS[0].features()},
        plots={plot.path.rpartition("/")[2].removesuffix(".png"): plot for plot in plots},
        comparisons=compare(figures, {each.split: each.rows for each in manifest.splits}),
        paper=Markdown(PAPER),
        tolerance=TOLERANCE,
        spreads=_spreads(figures),
        scores=figures.scores,
        instructions={Markdown(name): ask for name, ask in ASK.items()},
        people=manifest.review.people[:_PEOPLE],
        more_people=len(manifest.review.people[_PEOPLE:]),
        agreement=_agreement(manifest.review.agreement),
        rate=error_rate(manifest.review),
        said=_said(manifest),
        picture=_picture,
        percent=lambda share: Markdown(statements.percent(share)),
        two=lambda value: Markdown(f"{value:.2f}"),
        bibtex=Markdown(render_bibtex(manifest, config.export)),
        all_rejections=Markdown("the configuration `rejections`"),
    )
    return text.rstrip("\n") + "\n"


def _said(manifest: ReleaseManifest) -> dict[str, Any]:
    """The statements, which are Markdown of ours: they have no text from outside."""
    return {
        "checked": Markdown(statements.checked(manifest)),
        "errors": Markdown(statements.errors(manifest)),
        "licences": Markdown(statements.LICENCES),
        "limits": [Markdown(text) for text in statements.LIMITS],
        "biases": [Markdown(text) for text in statements.BIASES],
        "personal": [Markdown(text) for text in statements.personal(manifest)],
    }


def _picture(plot: Plot) -> Markdown:
    """A plot as Markdown. Its words name what publishers state, so they are escaped."""
    return Markdown(f"![{escape_markdown(f'{plot.heading}. {plot.said}')}]({plot.path})")


def _spreads(figures: Figures) -> dict[str, Distribution]:
    """The quantities of the table of statistics, by name and unit."""
    return {
        "duration, s": figures.duration,
        "sampled frames": figures.sampled_frames,
        "keyframes": figures.keyframes,
        "ratio": figures.ratio,
        "words": figures.words,
        "tokens": figures.tokens,
    }


def _agreement(agreement: Agreement) -> dict[str, Estimate]:
    """The figures of agreement that are known, by name."""
    named = {
        "verdicts, alpha": agreement.verdict_alpha,
        "ratings, alpha": agreement.rating_alpha,
        "keyframes, F1": agreement.keyframe_f1,
        "captions, distance": agreement.caption_distance,
        "summaries, distance": agreement.summary_distance,
    }
    return {name: estimate for name, estimate in named.items() if estimate.value is not None}
