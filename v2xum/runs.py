"""`v2xum.curate`: from sources to an exported dataset, as the command `v2xum curate` does it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import TypeVar

from flows.cli.app import run_folder
from v2xum.arguments import AnyPath, Config, config_of, path_of, prepare_models
from v2xum.workspaces import Workspace

T = TypeVar("T")
_POLL_SECONDS = 0.2


def curate(
    config: Config,
    sources: AnyPath | Sequence[AnyPath] = (),
    *,
    workspace: AnyPath | None = None,
    limit: int | None = None,
    settings: Mapping[str, object] | None = None,
    max_cost: float | None = None,
    max_hours: float | None = None,
    max_tokens: float | None = None,
    adopt: bool = False,
    allow_fewer: bool = False,
) -> Workspace:
    """Turn the videos of the sources into an exported dataset; call it again to continue where it stopped.

    `config` is a YAML file (configs/ has examples) or a `CurateConfig`; `settings` override keys of the file, such as
    `{"frames.fps": 2}`. `sources` (files, folders, addresses, lists) replace those of the configuration; `limit` takes
    only so many of them. `workspace` is the folder for everything that the run makes, by default that of the
    configuration, else data/runs/NAME below the current folder. `max_cost` (in the configuration's currency),
    `max_hours` and `max_tokens` bound this call. `adopt` takes over the workspace of a dataset with another name.
    `allow_fewer` exports also when samples of the last export leave it without a reason.

    Progress is written to stderr. While work is due, a Prefect server listens on a free port of 127.0.0.1; it ends with
    the call. Where PREFECT_API_URL names a server, that one is used. An interrupt (Ctrl-C, a notebook's stop button)
    ends the run at a safe point, within seconds or when a model's batch is done.

    Returns the workspace, in which each video is a sample, rejected, retryable or pending. Raises ConfigError for a
    configuration, source or workspace that cannot be used, and RunStopped when the run cannot go on (BudgetReached,
    Interrupted, ServerGone, BindingBroken ...): finished results are kept, and the same call goes on.
    """
    given = [sources] if isinstance(sources, str | Path) else list(sources)
    changed = dict(settings or {}) | ({"sources": []} if given and isinstance(config, str | Path) else {})
    resolved = config_of(config, changed)
    root = run_folder(path_of(workspace) if workspace is not None else None, resolved)
    prepare_models()
    # These load what the stages need, which the rest of the API does without.
    from curation.pipeline.budget import Budget
    from flows.local.curate import curate_here

    budget, stop = Budget(max_cost, max_hours, max_tokens, resolved.prices), threading.Event()
    _interruptible(
        lambda: curate_here(
            resolved, root, [str(one) for one in given], limit, budget, adopt=adopt, allow_fewer=allow_fewer, stop=stop
        ),
        stop,
    )
    return Workspace(root)


def _interruptible(work: Callable[[], T], stop: threading.Event) -> T:
    """Do `work` in a thread; KeyboardInterrupt sets `stop`, and what `work` then raises is raised.

    Prefect's calls mean something else in a thread that runs an event loop, as a notebook's main thread does.
    """
    with ThreadPoolExecutor(1, "v2xum-curate") as pool:
        future: Future[T] = pool.submit(work)
        while not future.done():
            try:
                wait([future], _POLL_SECONDS)
            except KeyboardInterrupt:
                stop.set()
        return future.result()
