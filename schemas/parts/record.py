"""The base of all records."""

from __future__ import annotations

import hashlib
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class Record(BaseModel):
    """The base of all records: they cannot change, and unknown fields, NaN and infinity are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    def canonical(self) -> str:
        """The canonical JSON text of this record: fields in the declared order, no spaces."""
        return self.model_dump_json()

    def digest(self) -> str:
        """The SHA-256 (64 hex digits) of the canonical text, on which later stages depend."""
        return hashlib.sha256(self.canonical().encode()).hexdigest()
