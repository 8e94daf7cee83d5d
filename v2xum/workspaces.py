"""A workspace as a person at a notebook reads it. Nothing here writes into it, locks it or opens a model."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal

from curation.pipeline.open import open_view
from curation.report.last_summary import with_findings
from curation.status.counts import summarize
from curation.status.explain import explain as explain_video
from curation.status.explain import find_one
from curation.status.listing import ORDERS, Order, list_videos
from curation.status.run_now import with_run
from curation.status.selection import Selection, require_known
from curation.status.standings import sample_ids
from curation.status.view import LedgerView
from curation.workspace import Workspace as Place
from schemas.configuration.config import CurateConfig
from schemas.documents.status import Explanation, WorkspaceStatus
from v2xum.arguments import AnyPath, path_of
from v2xum.displays import html
from v2xum.samples import Samples
from v2xum.videos import Videos

if TYPE_CHECKING:
    import pandas as pd

Some = str | Sequence[str]


def _several(values: Some) -> tuple[str, ...]:
    return (values,) if isinstance(values, str) else tuple(values)


class Workspace:
    """The folder that `v2xum curate` worked in, to read: also while a run goes on, also of another user.

    Each method reads the ledger anew. Every method raises ConfigError when the workspace's configuration is missing or
    of another version, and LedgerDamaged when its ledger is not what was stored.
    """

    def __init__(self, path: AnyPath) -> None:
        """Find the workspace: the folder itself, or `workspace` in it. Raises ConfigError where there is none."""
        self._place = Place(path_of(path)).require()
        self.path = self._place.root

    def status(self) -> WorkspaceStatus:
        """How many videos are samples, rejected, retryable or pending, by stage and by reason, and who works now."""
        with self._view() as view:
            return with_run(with_findings(summarize(view), self._place), view.ledger, self._place)

    def samples(self) -> Samples:
        """The samples, by id: finished videos, with what people decided applied. They are the rows of an export.

        Records are read when they are used, fifty at a time.
        """
        with self._view() as view:
            return Samples(self._place, sample_ids(view))

    def videos(
        self,
        *,
        state: Some = (),
        stage: Some = (),
        reason: Some = (),
        error_class: Some = (),
        sort: Order = "listed",
    ) -> Videos:
        """Every video, or those that match, with where each stands and why it is out.

        Each filter is a value or several: `state="rejected"`, `reason=["too_short", "private"]`. `sort`: `listed` (as
        the sources name them), `score` (the worst audit first), `title`, `state` or `id`. Raises ConfigError for a
        value that nothing has, with the nearest one.
        """
        require_known("sort", [sort], ORDERS)
        wanted = Selection((), _several(state), _several(stage), _several(reason), _several(error_class))
        with self._view() as view:
            return Videos(list_videos(view, wanted, sort).listed)

    def explain(self, video: str) -> Explanation:
        """Everything about one video: origin, hashes, prompts, models, tokens, attempts, rejections, verdicts.

        `video` is an id or the start of one, a file's hash, an address, a title, or LIST:ROW of a rejected row. Raises
        ConfigError where it names no video, or several.
        """
        with self._view() as view:
            return explain_video(view, find_one(view.ledger, video, self.path))

    def config(self) -> CurateConfig:
        """The configuration of the last run."""
        return self._place.config()

    def to_pandas(self, what: Literal["samples", "videos"] = "samples") -> pd.DataFrame:
        """One row a sample (`Samples.to_pandas`) or one row a video (`Videos.to_pandas`)."""
        return self.videos().to_pandas() if what == "videos" else self.samples().to_pandas()

    def __repr__(self) -> str:
        """The path."""
        return f"Workspace({str(self.path)!r})"

    @contextmanager
    def _view(self) -> Iterator[LedgerView]:
        with self._place.to_read() as place, open_view(place) as view:
            yield view

    def _repr_html_(self) -> str:
        return html("workspace", path=str(self.path), status=self.status())
