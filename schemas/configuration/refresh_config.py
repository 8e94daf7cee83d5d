"""The section `refresh` of a run's configuration: how often published videos are looked for, and what follows."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from schemas.configuration.section import Section

Policy = Literal["keep", "withdraw", "erase"]


class RefreshConfig(Section):
    """`v2xum refresh`; docs/decisions/0049-a-dataset-that-stays-alive.md has the reasons.

    - `recheck_days`: a published video is looked for so many days after the last answer.
    - `confirm_days`: an absence that the publisher does not state must be seen twice, so many days apart.
    - `pace`: least seconds between two looks at one host; `download.pace` counts where it is larger.
    - `gone`, `licence_changed`: what becomes of a row whose source is gone, or whose publisher states another licence.
      `keep`: it stays; `withdraw`: it leaves the next release, its hash stays among the tombstones; `erase`: row, hash
      and address leave.
    - `opt_outs`: the list of who wants to be left out; without it WORKSPACE/optout.jsonl, where there is one.
    - `publish_opt_outs`: `hashed`: a release's optout.jsonl has hashes only; `ids`: ids of videos in plain text,
      addresses and channels as hashes.
    """

    recheck_days: float = Field(default=30.0, ge=0)
    confirm_days: float = Field(default=7.0, ge=0)
    pace: float = Field(default=1.0, ge=0)
    gone: Policy = "keep"
    licence_changed: Policy = "withdraw"
    opt_outs: str | None = None
    publish_opt_outs: Literal["hashed", "ids"] = "hashed"
