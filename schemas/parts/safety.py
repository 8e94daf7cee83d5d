"""The record of what pictures show that may not be published as it is: faces and nudity."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from schemas.parts.record import Record
from schemas.time import FrameIndex, Seconds

Share = Annotated[float, Field(ge=0, le=1)]


class FaceBox(Record):
    """A face: how sure its finder is, 0..1, and the upright box in shares of the picture's width and height."""

    confidence: Share
    left: Share
    top: Share
    right: Share
    bottom: Share


class FrameSafety(Record):
    """What one frame shows. `nudity` is None where no model scores it.

    `more_faces` counts further faces that were found, until the engine stopped looking.
    """

    index: FrameIndex
    time: Seconds
    nudity: Share | None = None
    faces: tuple[FaceBox, ...] = ()
    more_faces: int = 0


class Safety(Record):
    """What the pictures of a video show, in order of time.

    `finder` finds faces and `scorer` scores nudity, each with the revision of its weights; None where a run has none.
    `faces` is the share of the known frames that show a face, and `nudity` the highest score of one; None where nothing
    is known. `frames` are the known ones. `unknown` counts the others, whose pictures are lost.
    """

    finder: str | None = None
    finder_revision: str | None = None
    scorer: str | None = None
    scorer_revision: str | None = None
    faces: Share | None = None
    nudity: Share | None = None
    unknown: int = 0
    frames: tuple[FrameSafety, ...] = ()


class BlurPolicy(Record):
    """What a dataset says of blurred pictures.

    `faces`: faces are blurred; `nudity`: pictures with this score and above are; `pictures`: in contact sheets alone,
    or in all pictures.
    """

    faces: bool
    nudity: float | None
    pictures: Literal["thumbnails", "all"]

    def is_kept_by(self, other: BlurPolicy | None) -> bool:
        """Whether another policy (None: nothing is blurred) blurs all that this one does."""
        return other is not None and (
            other.faces >= self.faces
            and (self.nudity is None or (other.nudity is not None and other.nudity <= self.nudity))
            and (self.pictures == "thumbnails" or other.pictures == "all")
        )

    @property
    def words(self) -> str:
        """The policy in a few words."""
        what = ["faces"] if self.faces else []
        what += [f"whole pictures from a nudity score of {self.nudity:g}"] if self.nudity is not None else []
        where = "contact sheets alone" if self.pictures == "thumbnails" else "all pictures"
        return f"{' and '.join(what)}, in {where}"
