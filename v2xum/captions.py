"""`v2xum.caption`: captions of one video by the captioner of a configuration."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, overload

from schemas.errors import ConfigError, StageError
from schemas.records import Caption, CaptionSet
from v2xum.arguments import AnyPath, Config, config_of, prepare_models
from v2xum.displays import MOST_ROWS, html, small
from v2xum.frames import Frames, frames_of
from v2xum.tables import Kind, table

if TYPE_CHECKING:
    import pandas as pd

_COLUMNS: dict[str, Kind] = {"index": "Int64", "time": "float64", "text": "string", "reused_from": "Int64"}


class Captions(Sequence[Caption]):
    """The captions of a video in the order of its frames; a frame without a usable caption has none.

    `record` also says which prompt and model made them, and why frames have none; `frames` has the pictures.
    """

    def __init__(self, record: CaptionSet, frames: Frames) -> None:
        """Keep the record and the frames that were captioned."""
        self.record = record
        self.frames = frames

    @overload
    def __getitem__(self, at: int) -> Caption: ...
    @overload
    def __getitem__(self, at: slice) -> tuple[Caption, ...]: ...
    def __getitem__(self, at: int | slice) -> Caption | tuple[Caption, ...]:
        """The caption at a position, or some of them."""
        return self.record.captions[at]

    def __len__(self) -> int:
        """How many frames have a caption."""
        return len(self.record.captions)

    def __iter__(self) -> Iterator[Caption]:
        """One caption after the other."""
        return iter(self.record.captions)

    def to_pandas(self) -> pd.DataFrame:
        """One row a caption: the frame's `index`, its `time` in seconds, `text`, and from which frame it was reused."""
        return table(_COLUMNS, (caption.model_dump() for caption in self))

    def __repr__(self) -> str:
        """How many there are, and by whom."""
        return f"Captions({len(self)} of {len(self.frames)} frames by {self.record.maker.model!r})"

    def _repr_html_(self) -> str:
        shown = [(one.time, one.text, self.frames[one.index].jpeg) for one in self.record.captions[:MOST_ROWS]]
        rows = [(time, text, small(lambda jpeg=jpeg: jpeg)) for time, text, jpeg in shown]  # type: ignore[misc]
        return html("captions", rows=rows, told=repr(self), more=max(len(self) - MOST_ROWS, 0))


def caption(
    video: AnyPath | Frames,
    captioner: Config,
    *,
    settings: Mapping[str, object] | None = None,
    allow_private_addresses: bool = False,
) -> Captions:
    """Caption the frames of a video with the captioner and the prompt of a configuration of `v2xum curate`.

    `video` is a file, an address, or frames of `sample_frames`; a file is sampled as the configuration says.
    `captioner` is a YAML file or a `CurateConfig`, `settings` override keys of the file. Frames that show nearly the
    same share a caption, as in the pipeline. A model behind a server must be running; no server is started.

    Raises ConfigError for a configuration or a video that cannot be used, and when too many frames get no caption
    (`caption.max_failed`); PromptError for a missing prompt; ServerGone when no model server answers.
    """
    config = config_of(captioner, settings)
    frames = video if isinstance(video, Frames) else frames_of(video, config.frames, allow_private_addresses)
    prepare_models()
    from curation.text.caption_video import caption_video  # it loads the models' packages

    try:
        record = caption_video(frames.video, frames.record, lambda index: frames[index].jpeg, config)
    except StageError as error:
        raise ConfigError(f"{frames.video.id} cannot be captioned: {error}") from error
    return Captions(record, frames)
