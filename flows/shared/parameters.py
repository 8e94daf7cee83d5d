"""Parameters of flows with what a form says of them: their descriptions, and which values are right.

Prefect takes types and limits of a form from a flow's signature; `v2xum deploy` adds the descriptions that stand here.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

VERSION = r"^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-[0-9A-Za-z.-]+)?$"
Path = Annotated[str, Field(min_length=1)]
Workspace = Annotated[
    Path, Field(description="The folder that `v2xum curate` works in, relative to the folder of the deployment.")
]
Version = Annotated[str, Field(pattern=VERSION, description="The version of the release, such as 0.1.0.")]
Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=1)]
Overrides = Annotated[
    list[str], Field(description="Keys of the configuration with other values, as `--set` has them: `frames.fps=2`.")
]
Project = Annotated[
    str | None, Field(description="The project's name in Label Studio. Without it, the name that the run's name gives.")
]
