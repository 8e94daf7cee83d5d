"""Per stage, the hash of the settings that its results depend on."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from models.identity import identify
from schemas.model_config import ChatConfig


def _identity(model: ChatConfig) -> tuple[str, str, dict[str, Any]]:
    name, revision, sampling = identify(model)
    return name, revision, dict(sampling)


def _hash(*parts: Any) -> str:
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=list).encode()).hexdigest()
