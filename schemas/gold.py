"""Records of gold questions: samples with known answers, mixed with the others. They are never in the dataset."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from schemas.records import Record
from schemas.time import Seconds

Kind = Literal["caption", "sentence", "keyframe"]


class Planted(Record):
    """The one error of a gold question.

    - `caption`: the caption of the keyframe at `time` (seconds) names something that is not in the picture.
    - `sentence`: the sentence that cites the keyframe at `time` tells something that did not happen.
    - `keyframe`: the keyframe at `time` shows that nothing happens; it stands in place of an event's keyframes.

    `true` is the right content, `shown` the wrong one: texts, or times as `[12.0][13.0]`.
    """

    kind: Kind
    time: Seconds
    true: str
    shown: str


class Answer(Record):
    """The answer to a gold question: to accept it is right exactly when no error was planted."""

    planted: Planted | None = None

    @property
    def has_error(self) -> bool:
        """Whether the question has an error, so that accepting it is wrong."""
        return self.planted is not None


class Answers(Record):
    """The answers to all gold questions that a workspace ever asked, by sample id.

    `key` (64 hex digits) determines the ids: whoever has the key can find out which questions have an error.
    """

    version: Literal[1] = 1
    key: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$", repr=False)]
    answers: dict[str, Answer] = Field(default_factory=dict, repr=False)
