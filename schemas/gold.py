"""Gold questions: samples with known answers that people are asked among the others. They are never in the dataset."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from schemas.records import Record
from schemas.time import Seconds

Kind = Literal["caption", "sentence", "keyframe"]


class Planted(Record):
    """The one error of a gold question.

    `caption`: that of the keyframe at `time` (seconds) names what is not in the picture. `sentence`: that with the
    keyframe at `time` says what did not happen. `keyframe`: that at `time` shows that nothing happens, in place of
    those of an event. `true` is what would be right, `shown` what is there: texts, or times as `[12.0][13.0]`.
    """

    kind: Kind
    time: Seconds
    true: str
    shown: str


class Answer(Record):
    """What is known of a gold question: the right answer is to accept it exactly if no error was planted."""

    planted: Planted | None = None

    @property
    def has_error(self) -> bool:
        """Whether an attentive annotator must object."""
        return self.planted is not None


class Answers(Record):
    """The answers to all gold questions that a workspace ever asked, by sample id.

    `key` (64 hex digits) makes the ids: whoever has it can tell which questions have an error.
    """

    version: Literal[1] = 1
    key: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$", repr=False)]
    answers: dict[str, Answer] = Field(default_factory=dict, repr=False)
