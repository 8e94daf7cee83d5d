"""What came of reading a release with the programs that people use, as the JSON document that is promised."""

from __future__ import annotations

from typing import Literal

from schemas.documents.document import Document


class ConsumerResult(Document):
    """One consumer, with the version of its library.

    `read`: it found what the files hold, in `rows` rows of `parts` splits; `failed`: `problems` say how it did not;
    `not installed`: it was not tried, and `way_out` says how to install it.
    """

    name: str
    version: str
    state: Literal["read", "failed", "not installed"]
    parts: int = 0
    rows: int = 0
    problems: tuple[str, ...] = ()
    way_out: str | None = None


class ConsumerReport(Document):
    """All consumers of a release. `sound`: none failed; one that is not installed says nothing of the release."""

    folder: str
    version: str
    sound: bool
    consumers: tuple[ConsumerResult, ...]

    @property
    def problems(self) -> tuple[str, ...]:
        """The problems of all consumers, each with its name."""
        return tuple(f"{each.name}: {problem}" for each in self.consumers for problem in each.problems)

    @property
    def not_installed(self) -> tuple[str, ...]:
        """The consumers that were not tried."""
        return tuple(each.name for each in self.consumers if each.state == "not installed")
