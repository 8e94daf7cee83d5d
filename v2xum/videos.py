"""The videos of a workspace: where each stands, and why it is out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, overload

from schemas.documents.status import ListedVideo
from v2xum.displays import MOST_ROWS, html
from v2xum.tables import Kind, table

if TYPE_CHECKING:
    import pandas as pd

Video = ListedVideo
_COLUMNS: dict[str, Kind] = {
    "id": "string",
    "title": "string",
    "source": "string",
    "state": "category",
    "stage": "category",
    "reason": "category",
    "error_class": "category",
    "worst_score": "category",
    "worst_value": "float64",
    "share_as_bad": "float64",
}


def _row(video: Video) -> dict[str, Any]:
    score = video.score
    told = (score.name, score.value, score.share_as_bad) if score is not None else (None, None, None)
    worst = dict(zip(("worst_score", "worst_value", "share_as_bad"), told, strict=True))
    return video.model_dump(exclude={"score"}) | worst


class Videos(Sequence[Video]):
    """The videos of a workspace at one moment, as they were asked for."""

    def __init__(self, videos: Iterable[Video]) -> None:
        """Keep these videos."""
        self._videos = tuple(videos)

    @overload
    def __getitem__(self, at: int) -> Video: ...
    @overload
    def __getitem__(self, at: slice) -> Videos: ...
    def __getitem__(self, at: int | slice) -> Video | Videos:
        """The video at a position, or some of them."""
        return Videos(self._videos[at]) if isinstance(at, slice) else self._videos[at]

    def __len__(self) -> int:
        """How many videos there are."""
        return len(self._videos)

    def __iter__(self) -> Iterator[Video]:
        """One video after the other."""
        return iter(self._videos)

    def to_pandas(self) -> pd.DataFrame:
        """One row a video: the fields of `Video`.

        Sorted by score, `worst_score` is the audit score in which the video is worst, `worst_value` its value, and
        `share_as_bad` the share (0..1) of the videos that are at least as bad; else they are missing.
        """
        return table(_COLUMNS, map(_row, self._videos))

    def __repr__(self) -> str:
        """The counts by state."""
        return f"Videos({len(self)}: {self._counts()})"

    def _counts(self) -> str:
        found = Counter(video.state for video in self._videos)
        return ", ".join(f"{count} {state}" for state, count in found.most_common()) or "none"

    def _repr_html_(self) -> str:
        return html(
            "videos", videos=self._videos[:MOST_ROWS], more=max(len(self) - MOST_ROWS, 0), counts=self._counts()
        )
