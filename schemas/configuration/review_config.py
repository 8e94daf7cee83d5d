"""The section `review` of a run's configuration: which samples people judge, and which verdicts count."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from schemas.configuration.section import Section

Share = Annotated[float, Field(ge=0, le=1)]


class ReviewConfig(Section):
    """Review by people; docs/decisions/0019-verdicts.md has the rules.

    - `random`: size of the unbiased stratum, from which the label-error rate is estimated.
    - `active`: size of the stratum of samples that need a look most (worst audits, rare categories).
    - `gold`: number of questions with known answers.
    - `overlap`: the share of all samples that `annotators` people judge; one person judges each of the others.
    - `seed`: draws the samples and the shared part; the same seed draws the same.
    - `rule`: `majority`: a decision needs more than half of the verdicts; `any`: one reject decides, else one fix does.
    - `adjudication`: which samples an adjudicator must settle: `ties` (no decision has a majority) or `disagreements`
      (any verdicts differ, edits included).
    - `min_seconds`: quicker verdicts do not count.
    - `least`: a sample needs so many counting verdicts, not including an adjudicator's.
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
            raise ValueError("least must not exceed annotators: no sample would get so many verdicts")
        return self
