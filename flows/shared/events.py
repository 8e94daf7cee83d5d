"""The events that flows emit, for automations of a Prefect server (docs/guides/deploying.md).

An event says which workspace it is about, counts, and the kind of a failure. It has no path, no text of a video and no
message of an error: whoever sees the server sees its events.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from prefect.events import emit_event

from schemas.errors import BindingBroken, BudgetReached, Interrupted, WorkspaceBusy
from schemas.safe_text import plain_line

P = ParamSpec("P")
R = TypeVar("R")
FAILED = "v2xum.run.failed"
BUDGET = "v2xum.run.budget-reached"
ALARM = "v2xum.binding.alarm"
PUBLISHED = "v2xum.release.published"
COMPLETE = "v2xum.review.batch-complete"
EVENTS = (FAILED, BUDGET, ALARM, PUBLISHED, COMPLETE)
FLOW = "v2xum.flow"  # the label of a resource that says which flow it was
_TOLD = "_v2xum_told"
_NO_FAILURE = (Interrupted, WorkspaceBusy)


def workspace_name(workspace: str | Path) -> str:
    """How events call a workspace: by the name of its folder."""
    return plain_line(Path(workspace).resolve().name)


def workspace_resource(workspace: str | Path) -> dict[str, str]:
    """A workspace as a resource of events."""
    name = workspace_name(workspace)
    return {"prefect.resource.id": f"v2xum.workspace.{name}", "prefect.resource.name": name}


def tell(event: str, workspace: str | Path, flow: str, payload: Mapping[str, Any]) -> None:
    """Emit an event about a workspace."""
    resource = {**workspace_resource(workspace), FLOW: flow}
    emit_event(event, resource=resource, payload={"workspace": workspace_name(workspace), "flow": flow, **payload})


def tell_of_failure(
    error: BaseException, workspace: str | Path, flow: str, counts: Mapping[str, int] | None = None
) -> None:
    """Emit the event of an error that ends a flow, once for each error.

    None for a stop that a person asked for, and none where another run holds the workspace: nothing is wrong then, and
    an automation that counts failures must not count it.
    """
    if not isinstance(error, Exception) or isinstance(error, _NO_FAILURE) or getattr(error, _TOLD, False):
        return
    event = BUDGET if isinstance(error, BudgetReached) else ALARM if isinstance(error, BindingBroken) else FAILED
    # The words of a budget are its own: options and numbers.
    words = {"message": str(error)} if isinstance(error, BudgetReached) else {}
    tell(event, workspace, flow, {"reason": type(error).__name__, **words, **(counts or {})})
    setattr(error, _TOLD, True)


def tells_of_failure(flow: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Decorate the function of a flow that has the parameter `workspace`: its failure becomes an event."""

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        signature = inspect.signature(function, eval_str=True)

        @functools.wraps(function)
        def run(*args: P.args, **kwargs: P.kwargs) -> R:
            try:
                return function(*args, **kwargs)
            except BaseException as error:
                tell_of_failure(error, signature.bind(*args, **kwargs).arguments["workspace"], flow)
                raise

        # Prefect reads the names of types in the globals of the function that it is given, which would be those here.
        vars(run)["__signature__"] = signature
        run.__annotations__ = inspect.get_annotations(function, eval_str=True)
        return run

    return decorate
