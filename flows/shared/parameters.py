"""Parameters of flows with what a form says of them: their descriptions, and which values are right.

Prefect takes types and limits of a form from a flow's signature; `v2xum deploy` adds the descriptions that stand here
(flows/local/deploying/forms.py). A parameter that only one flow has is described there.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

_VERSION = r"^\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?$"
Text = Annotated[str, Field(min_length=1)]
Count = Annotated[int, Field(ge=1)]
Share = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0)]

Workspace = Annotated[
    Text, Field(description="The folder that `v2xum curate` works in. Paths are relative to the deployment's folder.")
]
Version = Annotated[str, Field(pattern=_VERSION, description="The version of the release, such as 0.1.0.")]
Overrides = Annotated[
    tuple[Text, ...],
    Field(description="Keys of the configuration with other values, as `--set` has them: `frames.fps=2`."),
]
Project = Annotated[
    Text | None, Field(description="The project's name in Label Studio. Empty: the one that the run's name gives.")
]
Limit = Annotated[Count | None, Field(description="Take only this many, from the first. Empty: all.")]
