"""What a fork server loads with some care: Prefect, and what models and checks of texts load when first used."""

from __future__ import annotations

import importlib
import os
import tempfile
import threading
from unittest import mock

from transformers.conversion_mapping import get_checkpoint_conversion_mapping

from curation.text.language import other_language

_MODULES = (
    "anyio._backends._asyncio",
    "fastapi",
    "flows.cli.__main__",
    "flows.cli.printing.print_status",
    "flows.cli.workspace",
    "flows.curate",
    "flows.local.curate",
    "models.embedding.transformers_clip",
    "prefect.engine",
    "prefect.flow_engine",
    "prefect.task_engine",
    "prefect.utilities.visualization",
    "rich._emoji_codes",
    "transformers.models.clip.image_processing_pil_clip",
    "transformers.models.clip.modeling_clip",
    "transformers.models.idefics3.image_processing_pil_idefics3",
    "transformers.models.idefics3.modeling_idefics3",
    "transformers.models.idefics3.processing_idefics3",
    "transformers.models.llama.modeling_llama",
    "typer.main",
)

# Prefect reads the environment when it is imported, and makes its folder. Each fork lets it read its own environment.
with tempfile.TemporaryDirectory() as _home, mock.patch.dict(os.environ, {"PREFECT_HOME": _home}):
    for _name in _MODULES:
        importlib.import_module(_name)
get_checkpoint_conversion_mapping("llama")
other_language("Every word of this text is English.", "en")
# A fork has no other thread, and would wait forever for a lock that one held.
assert threading.active_count() == 1, threading.enumerate()
