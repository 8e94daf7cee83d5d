"""The samples of a workspace: keyframes with captions, summaries, scores and pictures."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, overload

from curation.frames.files import frames_key, read_frame
from curation.pipeline.open import open_view
from curation.pipeline.services import open_services
from curation.release.contact_sheet import contact_sheet
from curation.status.standings import Standings
from curation.workspace import Workspace as Place
from pages.thumbnails import cut
from schemas import records
from schemas.configuration.config import FrameConfig
from schemas.errors import ConfigError
from schemas.safe_text import public_uri
from schemas.temporal import format_seconds
from schemas.time import FrameIndex
from v2xum.displays import MOST_ROWS, data_uri, html, picture_of
from v2xum.tables import Kind, table

if TYPE_CHECKING:
    import pandas as pd
    from PIL import Image

_AT_ONCE = 50
_SCORES = tuple(records.SampleScores.model_fields)
_COLUMNS: dict[str, Kind] = {
    "id": "string",
    "title": "string",
    "address": "string",
    "duration": "float64",
    "frames": "Int64",
    "keyframes": "Int64",
    "ratio": "float64",
    "keyframe_seconds": "object",
    "text": "string",
    "interleaved": "string",
    "review": "category",
    "captioner": "category",
    "summarizer": "category",
    "licence": "category",
    **dict.fromkeys(_SCORES, "float64"),
}


@dataclass(frozen=True, slots=True)
class Keyframe:
    """A keyframe: its index among the sampled frames, its time in seconds, and its caption (None: it has none)."""

    index: int
    time: float
    caption: str | None


class Sample:
    """A finished sample. Titles, captions and summaries are as people and models wrote them: escape them in HTML."""

    def __init__(self, record: records.Sample, place: Place) -> None:
        """Bind a record to the workspace that has its pictures."""
        self.record = record
        self._place = place

    @property
    def id(self) -> str:
        """The video's id."""
        return self.record.video.id

    @property
    def title(self) -> str | None:
        """The publisher's title, else that of the list."""
        return self.record.video.publication.title or self.record.source.title

    @property
    def duration(self) -> float:
        """Seconds, as the container states them, else as they were sampled."""
        stated, frames = self.record.video.duration, self.record.frames
        return len(frames.frames) / frames.fps if stated is None else stated

    @property
    def keyframes(self) -> tuple[Keyframe, ...]:
        """The frames that were chosen, in order of time."""
        frames = self.record.frames.frames
        texts = {caption.index: caption.text for caption in self.record.captions.captions}
        return tuple(Keyframe(i, frames[i].time, texts.get(i)) for i in self.record.extract.keyframes)

    @property
    def text(self) -> str:
        """The summary in words alone."""
        return self.record.summary.v2t

    @property
    def interleaved(self) -> str:
        """The summary on its time line: `[3.0]A red circle appears. [17.0]It leaves.`, times in seconds."""
        return format_seconds(self.record.summary.v2vt)

    @property
    def scores(self) -> records.SampleScores:
        """What the audits measured; None where they did not."""
        return self.record.scores

    @property
    def review(self) -> records.Review:
        """What people decided."""
        return self.record.review

    def image(self, index: int) -> Image.Image:
        """The picture of a sampled frame, RGB, short side at most `frames.short_side` pixels.

        A picture that was not kept is decoded again. Raises ConfigError for an index that the video does not have, and
        StageError when the video's file is gone or decodes otherwise.
        """
        return picture_of(self._pictures([index])[index])

    def contact_sheet(self) -> Image.Image:
        """The keyframes with their times, RGB, at most 640 pixels wide. Raises StageError as `image`."""
        return picture_of(self._sheet)

    @cached_property
    def _sheet(self) -> bytes:
        kept, frames = self.record.extract.keyframes, self.record.frames
        read = self._pictures(kept)
        times = [frames.frames[index].time for index in kept]
        return contact_sheet(times, lambda place: read[kept[place]], frames.width / frames.height)

    def _pictures(self, indices: Sequence[int]) -> Mapping[int, bytes]:
        """The JPEG bytes of some frames by their index."""
        frames = self.record.frames.frames
        if wrong := next((index for index in indices if not 0 <= index < len(frames)), None):
            raise ConfigError(f"{self.id} has no frame {wrong}: its {len(frames)} frames count from 0")
        try:
            folder = self._place.store().frames(frames_key(self.record.video.sha256, self._sampling))
            return {index: read_frame(folder, index, frames[index].sha256) for index in indices}
        except FileNotFoundError:
            with self._place.to_read() as place, open_services(place) as services:
                read = services.pictures.read
                return {i: read(self.record.video, self.record.frames, FrameIndex(i)) for i in indices}

    @cached_property
    def _sampling(self) -> FrameConfig:
        return self._place.config().frames

    def __repr__(self) -> str:
        """Id, title and how much was chosen."""
        chosen = f"{len(self.record.extract.keyframes)} of {len(self.record.frames.frames)} frames"
        return f"Sample({self.id!r}, {cut(self.title or '', 60)!r}, {chosen})"

    def _repr_html_(self) -> str:
        return html("sample", sample=self, sheet=data_uri(self._sheet), sentences=self.record.summary.v2vt)

    def _row(self) -> dict[str, Any]:
        record = self.record
        return {
            "id": self.id,
            "title": self.title,
            "address": public_uri(record.source),
            "duration": self.duration,
            "frames": len(record.frames.frames),
            "keyframes": len(record.extract.keyframes),
            "ratio": record.extract.ratio,
            "keyframe_seconds": list(record.summary.v2v),
            "text": self.text,
            "interleaved": self.interleaved,
            "review": self.review.status,
            "captioner": record.captions.maker.model,
            "summarizer": record.summary.maker.model,
            "licence": record.video.publication.licence,
            **dict.fromkeys(_SCORES),
            **record.scores.model_dump(),
        }


class Samples(Sequence[Sample]):
    """The samples of a workspace, by id. `samples[0]`, `samples["ID"]`, `samples[:5]`; records are read when used."""

    def __init__(self, place: Place, ids: Sequence[str]) -> None:
        """The samples with these ids."""
        self._place = place
        self.ids = tuple(ids)

    @overload
    def __getitem__(self, at: int | str) -> Sample: ...
    @overload
    def __getitem__(self, at: slice) -> Samples: ...
    def __getitem__(self, at: int | str | slice) -> Sample | Samples:
        """A sample by position or id, or some of them. Raises IndexError, and KeyError for an id that is no sample."""
        if isinstance(at, slice):
            return Samples(self._place, self.ids[at])
        if isinstance(at, str) and at not in self.ids:
            raise KeyError(f"{at!r} is no sample here: Workspace.explain says why")
        with closing(self._read([at if isinstance(at, str) else self.ids[at]])) as found:
            return next(found)

    def __len__(self) -> int:
        """How many samples there are."""
        return len(self.ids)

    def __iter__(self) -> Iterator[Sample]:
        """One sample after the other. Raises ConfigError when one is no sample any more."""
        return self._read(self.ids)

    def _read(self, ids: Sequence[str]) -> Generator[Sample, None, None]:
        with self._place.to_read() as place, open_view(place) as view:
            standings = Standings(view)
            for start in range(0, len(ids), _AT_ONCE):
                try:
                    for record in standings.published(ids[start : start + _AT_ONCE]):
                        yield Sample(record, self._place)
                except KeyError as error:
                    raise ConfigError(
                        f"{self._place.root} has changed ({error.args[0]}): call `samples()` again"
                    ) from error

    def to_pandas(self) -> pd.DataFrame:
        """One row a sample.

        `duration` is in seconds; `frames` and `keyframes` count, `ratio` is keyframes / frames; `keyframe_seconds` is a
        list of seconds; `text` and `interleaved` are the summary without and with times (seconds); `review` is what
        people decided; the rest are the scores of the audits by their names (NaN: not measured).
        """
        return table(_COLUMNS, (sample._row() for sample in self))

    def __repr__(self) -> str:
        """How many they are, and of which workspace."""
        return f"Samples({len(self)} of {str(self._place.root)!r})"

    def _repr_html_(self) -> str:
        return html("samples", samples=list(self[:MOST_ROWS]), more=max(len(self) - MOST_ROWS, 0), count=len(self))
