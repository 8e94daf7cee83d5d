"""The section `review` of a run's configuration: which samples people judge, and which of their verdicts count."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from schemas.section import Section

Share = Annotated[float, Field(ge=0, le=1)]


class ReviewConfig(Section):
    """Review by people; docs/decisions/0019-verdicts.md has the rules.

    `random` samples are an unbiased stratum, from which the label-error rate is taken; `active` ones are those that
    need eyes most (worst audits, rare categories); `gold` questions have known answers. A share `overlap` of all
    samples is judged by `annotators` people, the others by one. `seed` draws both: the same one draws the same samples.

    `rule`: `majority` needs more than half of the verdicts for one decision, `any` lets one reject reject and one fix
    fix. `adjudication`: what is set aside for an adjudicator: `ties` (no decision has a majority) or `disagreements`
    (wherever verdicts differ, edits included). Verdicts count that took `min_seconds` or longer, and only where there
    are `least` of them, an adjudicator's apart.
    """

    random: int = Field(default=200, ge=0)
    active: int = Field(default=100, ge=0)
    gold: int = Field(default=0, ge=0)
    overlap: Share = 0.2
    annotators: int = Field(default=2, ge=1)
    seed: int = 0
    rule: Literal["majority", "any"] = "majority"
    adjudication: Literal["ties", "disagreements"] = "ties"
    least: int = Field(default=1, ge=1)
    min_seconds: float = Field(default=0.0, ge=0)

    @model_validator(mode="after")
    def _reachable(self) -> ReviewConfig:
        if self.least > self.annotators:
            raise ValueError("least must not exceed annotators: no sample would have so many verdicts")
        return self
