"""The configuration of what is looked for in pictures before they are published, and of what is blurred then."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from schemas.configuration.section import Fraction, Section
from schemas.configuration.video_config import FilterMode, ModeFilter, ShareFilter


class NudityFilter(ModeFilter):
    """Keeps videos whose highest nudity score is at most `max`."""

    mode: FilterMode = Field(
        default="score-only", description="enable: refuse others; score-only: store the score; disable: neither"
    )
    max: Fraction = Field(default=0.8, description="highest score of a picture of a video that is kept")


class SafetyConfig(Section):
    """Scores of what pictures show: faces by `models.faces`, nudity by `models.nudity`, as a column of the rows.

    By default they are scores alone: no video is refused, and `export.blur` blurs nothing.
    """

    mode: Literal["enable", "disable"] = Field(
        default="disable", description="enable: pictures are scored; disable: they are not"
    )
    faces: ShareFilter = Field(default=ShareFilter(), description="the share of a video's frames that show a face")
    nudity: NudityFilter = NudityFilter()


class BlurConfig(Section):
    """What is blurred in published pictures, by the scores of `safety`. A picture without scores is blurred whole."""

    faces: bool = Field(default=False, description="blur the faces that `models.faces` found")
    nudity: Fraction | None = Field(
        default=None, description="blur pictures with this nudity score and above, whole; null: none"
    )
    pictures: Literal["thumbnails", "all"] = Field(
        default="thumbnails",
        description="thumbnails: contact sheets and the pages that show them; all: also the pictures of keyframes, "
        "of preferences, and of formats for trainers",
    )

    @property
    def on(self) -> bool:
        """Whether anything is blurred."""
        return self.faces or self.nudity is not None
