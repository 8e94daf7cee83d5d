"""The base of every configuration section, and what a key says of itself: its unit, beside pydantic's description."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue


class Section(BaseModel):
    """Base of all configuration sections: immutable, unknown keys refused.

    Defaults are validated too: a default of 40 must hash like the 40.0 that comes back from a saved configuration.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, validate_default=True)


@dataclass(frozen=True, slots=True)
class Unit:
    """The unit of a key's number. The JSON Schema has it as `x-unit`; it changes nothing about the value."""

    name: str

    def __get_pydantic_json_schema__(self, core_schema: Any, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """The schema of the number with its unit."""
        return {**handler(core_schema), "x-unit": self.name}


Share = Annotated[float, Unit("share, 0 to 1")]
Fraction = Annotated[Share, Field(ge=0, le=1)]
Seconds = Annotated[float, Unit("seconds")]
Days = Annotated[float, Unit("days")]
Megabytes = Annotated[float, Unit("MB (10**6 bytes)")]
Pixels = Annotated[int, Unit("pixels")]
Tokens = Annotated[int, Unit("tokens")]
Count = Annotated[int, Unit("count")]
Language = Annotated[str, Field(pattern=r"^[a-z]{2,3}$")]  # ISO 639
