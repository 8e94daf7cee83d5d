"""The base of every configuration section."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """Base of all configuration sections: immutable, unknown keys refused.

    Defaults are validated too: a default of 40 must hash like the 40.0 that comes back from a saved configuration.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, validate_default=True)
