"""The samples that a person should look at first, as Markdown with their pictures, for a Prefect artifact."""

from __future__ import annotations

import base64
import logging

from curation.frames.safety.blur import Blur
from curation.ledger.samples import samples_of
from curation.pipeline.services import Services
from curation.release.contact_sheet import contact_sheet
from curation.status.listing import list_videos
from curation.status.selection import Selection
from pages.markdown import escape_markdown
from schemas.documents.status import ListedVideo
from schemas.errors import StageError
from schemas.kit.blame import in_one_line
from schemas.records import Sample
from schemas.temporal import format_seconds

MOST = 5
log = logging.getLogger(__name__)


def worst_samples(services: Services, most: int = MOST) -> str | None:
    """The contact sheets and summaries of the samples with the worst audits, at most so many; None without an audit.

    A sheet is a JPEG inside the text, since Prefect's page cannot read the workspace. Every name is escaped.
    """
    listed = list_videos(services.view, Selection(states=("sample",)), "score").listed
    worst = [one for one in listed if one.score is not None][:most]
    found = samples_of(services.ledger, [one.id for one in worst])
    parts = [_part(services, one, sample) for one, sample in zip(worst, found, strict=True)]
    return "\n\n".join(parts) + "\n" if parts else None


def try_worst_samples(services: Services) -> str | None:
    """`worst_samples` at the end of a run. An error is logged, since it matters less than how the run ended."""
    try:
        return worst_samples(services)
    except Exception as error:
        log.error("the worst samples could not be shown: %s", in_one_line(error), exc_info=error)
        return None


def _part(services: Services, listed: ListedVideo, sample: Sample) -> str:
    score = listed.score
    assert score is not None  # those without one were left out
    what = (
        f"**{escape_markdown(listed.title or listed.id)}** ({escape_markdown(listed.id)}): {score.name} {score.value:g}"
    )
    return f"{what}\n\n{_sheet(services, sample)}\n\n{escape_markdown(format_seconds(sample.summary.v2vt))}"


def _sheet(services: Services, sample: Sample) -> str:
    """The contact sheet, blurred as published ones are: Prefect's server and its users may be others."""
    frames, kept = sample.frames, sample.extract.keyframes
    blur = Blur(sample.safety, services.config.export.blur)
    times = [frames.frames[index].time for index in kept]
    try:
        sheet = contact_sheet(
            times,
            lambda place: blur.apply(kept[place], services.pictures.read(sample.video, frames, kept[place])),
            frames.width / frames.height,
        )
    except (StageError, OSError) as error:
        return f"no picture: {escape_markdown(str(error))}"
    return f"![keyframes](data:image/jpeg;base64,{base64.b64encode(sheet).decode()})"
