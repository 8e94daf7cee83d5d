"""The section `refresh` of a run's configuration: how often published videos are looked for, and what follows."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from schemas.configuration.section import Days, Seconds, Section

Policy = Literal["keep", "withdraw", "erase"]


_LEAVES = "keep: it stays; withdraw: it leaves the next release, its hash stays; erase: row, hash and address leave"


class RefreshConfig(Section):
    """`v2xum refresh`; docs/decisions/0049-a-dataset-that-stays-alive.md has the reasons."""

    recheck_days: Days = Field(
        default=30.0, ge=0, description="a published video is looked for so long after the last answer"
    )
    confirm_days: Days = Field(
        default=7.0, ge=0, description="an absence that the publisher does not state must be seen twice, so far apart"
    )
    pace: Seconds = Field(
        default=1.0, ge=0, description="least time between two looks at one host, where download.pace is not larger"
    )
    gone: Policy = Field(default="keep", description=f"what becomes of a row whose source is gone. {_LEAVES}")
    licence_changed: Policy = Field(
        default="withdraw", description=f"what becomes of a row whose publisher states another licence. {_LEAVES}"
    )
    opt_outs: str | None = Field(
        default=None,
        description="the list of who wants to be left out; null: WORKSPACE/optout.jsonl, where there is one",
    )
    publish_opt_outs: Literal["hashed", "ids"] = Field(
        default="hashed",
        description="what optout.jsonl of a release has: hashed: hashes only; ids: ids of videos in plain text, "
        "addresses and channels as hashes",
    )
