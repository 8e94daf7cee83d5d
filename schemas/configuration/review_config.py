"""The section `review` of a run's configuration: which samples people judge, and which verdicts count."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from schemas.configuration.section import Count, Fraction, Seconds, Section


class ReviewConfig(Section):
    """Review by people; docs/decisions/0019-verdicts.md has the rules."""

    random: Count = Field(
        default=200, ge=0, description="size of the unbiased stratum, from which the label-error rate is estimated"
    )
    active: Count = Field(
        default=100,
        ge=0,
        description="size of the stratum of samples that need a look most (worst audits, rare categories)",
    )
    gold: Count = Field(default=0, ge=0, description="number of questions with known answers")
    overlap: Fraction = Field(
        default=0.2,
        description="share of all samples that `annotators` people judge; one judges each of the others",
    )
    annotators: Count = Field(default=2, ge=1, description="people who judge each sample of the shared part")
    seed: int = Field(default=0, description="draws the samples and the shared part; the same seed draws the same")
    rule: Literal["majority", "any"] = Field(
        default="majority",
        description="majority: a decision needs more than half of the verdicts; any: one reject decides, else one fix "
        "does",
    )
    adjudication: Literal["ties", "disagreements"] = Field(
        default="ties",
        description="what an adjudicator must settle: ties (no decision has a majority), or disagreements (any "
        "verdicts differ, edits included)",
    )
    least: Count = Field(
        default=1, ge=1, description="counting verdicts that a sample needs, not including an adjudicator's"
    )
    min_seconds: Seconds = Field(default=0.0, ge=0, description="quicker verdicts do not count")

    @model_validator(mode="after")
    def _reachable(self) -> ReviewConfig:
        if self.least > self.annotators:
            raise ValueError("least must not exceed annotators: no sample would get so many verdicts")
        return self
