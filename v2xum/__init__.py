"""The Python API: curate, read workspaces and releases, sample, caption, summarize and evaluate.

    import v2xum

    v2xum.curate("config.yaml", "videos/", workspace="data/runs/mine")
    workspace = v2xum.Workspace("data/runs/mine")
    workspace.samples()[0]                      # in a notebook: its contact sheet and its summary
    workspace.to_pandas()                       # one row a sample
    v2xum.load_release("data/runs/mine", "0.1.0").to_pandas()
    v2xum.sample_frames("film.mp4")
    v2xum.caption("film.mp4", "config.yaml")
    v2xum.summarize("film.mp4", model="data/runs/trained/model")
    v2xum.evaluate({"mine": "predictions.jsonl"}, "data/runs/mine", text=False).to_pandas()

Everything that goes wrong on purpose is a `V2XumError`: ConfigError for an argument or a configuration that cannot be
used, RunStopped for a run that cannot go on, StageError for one video that failed at one stage. docs/guides/python.md
is the guide. A name is imported when it is first used: `import v2xum` alone loads nothing heavy.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from schemas.errors import ConfigError as ConfigError
    from schemas.errors import RunStopped as RunStopped
    from schemas.errors import StageError as StageError
    from schemas.errors import V2XumError as V2XumError
    from v2xum.captions import Captions as Captions
    from v2xum.captions import caption as caption
    from v2xum.evaluations import EvaluationResult as EvaluationResult
    from v2xum.evaluations import evaluate as evaluate
    from v2xum.frames import Frames as Frames
    from v2xum.frames import SampledFrame as SampledFrame
    from v2xum.frames import sample_frames as sample_frames
    from v2xum.releases import Release as Release
    from v2xum.releases import load_release as load_release
    from v2xum.runs import curate as curate
    from v2xum.samples import Keyframe as Keyframe
    from v2xum.samples import Sample as Sample
    from v2xum.samples import Samples as Samples
    from v2xum.summaries import VideoSummary as VideoSummary
    from v2xum.summaries import summarize as summarize
    from v2xum.videos import Video as Video
    from v2xum.videos import Videos as Videos
    from v2xum.workspaces import Workspace as Workspace

_HOMES = {
    "schemas.errors": ("ConfigError", "RunStopped", "StageError", "V2XumError"),
    "v2xum.captions": ("Captions", "caption"),
    "v2xum.evaluations": ("EvaluationResult", "evaluate"),
    "v2xum.frames": ("Frames", "SampledFrame", "sample_frames"),
    "v2xum.releases": ("Release", "load_release"),
    "v2xum.runs": ("curate",),
    "v2xum.samples": ("Keyframe", "Sample", "Samples"),
    "v2xum.summaries": ("VideoSummary", "summarize"),
    "v2xum.videos": ("Video", "Videos"),
    "v2xum.workspaces": ("Workspace",),
}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}
__all__ = sorted(_HOME_OF)


if not TYPE_CHECKING:  # a type checker would take every misspelt name for one that exists

    def __getattr__(name: str) -> object:
        if name not in _HOME_OF:
            raise AttributeError(f"module 'v2xum' has no attribute {name!r}; it has {', '.join(__all__)}")
        value = getattr(importlib.import_module(_HOME_OF[name]), name)
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return [*__all__, *(name for name in globals() if name.startswith("__"))]
