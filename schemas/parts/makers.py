"""The records of who made a text, and with how much effort."""

from __future__ import annotations

from schemas.parts.record import Record, Sha256


class Maker(Record):
    """The prompt, the model and the sampling parameters that made a text."""

    prompt: str
    prompt_sha256: Sha256
    model: str
    revision: str
    sampling: dict[str, float | int | str | bool | None]


class Effort(Record):
    """The effort for a text of a model: tokens read and written, requests sent, and whether the text was repaired."""

    tokens_in: int = 0
    tokens_out: int = 0
    attempts: int = 0
    repaired: bool = False

    def __add__(self, other: Effort) -> Effort:
        """The sum of two efforts."""
        return Effort(
            tokens_in=self.tokens_in + other.tokens_in,
            tokens_out=self.tokens_out + other.tokens_out,
            attempts=self.attempts + other.attempts,
            repaired=self.repaired or other.repaired,
        )
