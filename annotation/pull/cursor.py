"""How far a project was pulled: the time up to which all changes of its tasks are stored, by the server's own clock."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from annotation.label_studio.client import LabelStudio
from annotation.label_studio.project import OwnProject
from curation.review.verdict_store import Reviews, moment

# A change can become visible later than its time: through transactions, or several servers behind one address.
MARGIN = timedelta(minutes=10)
# Two clocks of one service can differ. Less than MARGIN: a cursor that is so far ahead hides no later change.
TOLERANCE = timedelta(minutes=5)


class Cursor:
    """The cursor of one pull: read when the pull begins, stored when everything is stored.

    It never passes the newest change that was known before the pull began: what changes during the pull can be on a
    page that was already read. A time in the future, by the server's clock, moves no cursor. A stored cursor in the
    future, or later than every change on the server, is not trusted: then all tasks are read again.

    `after`: the time (ISO 8601) after which changes must be read; None: all tasks. `notes`: texts for the user.
    """

    def __init__(self, reviews: Reviews, server: LabelStudio, own: OwnProject, everything: bool) -> None:
        """Read the stored cursor and ask the server for its newest change and its clock.

        `everything`: read all tasks, whatever is stored.
        """
        self._reviews, self._key = reviews, own.key
        self.notes: list[str] = []
        self._ahead = 0
        self._example = ""
        newest = moment(server.newest_change(own.project.id) or "")
        self._now = server.clock or datetime.now(UTC)
        if newest is not None and self._in_future(newest):
            newest = moment(server.newest_change(own.project.id, _iso(self._now + TOLERANCE)) or "")
        self._known = newest
        stored = moment(reviews.cursor(own.key) or "")
        if stored is not None and self._in_future(stored):
            self.notes.append(
                f"an earlier pull noted a time in the future ({_short(stored)}; the server's clock says "
                f"{_short(self._now)}): all tasks were read again"
            )
            stored = None
        elif stored is not None and newest is not None and newest < stored:
            self.notes.append(
                "the server is older than the last pull (an older backup, or deleted tasks?): all tasks were read again"
            )
            stored = None
        self._stored = stored
        self.after = None if everything or stored is None else _iso(stored - MARGIN)

    def dated_ahead(self, *times: object) -> bool:
        """Whether one of these texts is a time in the future."""
        return any(at is not None and self._in_future(at) for at in map(moment, map(str, times)))

    def note_task(self, task: Mapping[str, Any]) -> None:
        """Count a task that was read if it, or an annotation of it, has a time in the future."""
        annotations = task.get("annotations")
        rows = [task, *(annotations if isinstance(annotations, list) else [])]
        times = [str(row.get("updated_at")) for row in rows if isinstance(row, Mapping)]
        if self.dated_ahead(*times):
            self._ahead += 1
            self._example = self._example or f"task {task.get('id')}: {max(filter(self.dated_ahead, times))[:40]}"

    def save(self) -> None:
        """Store the cursor, now that all changes are stored, and note the times in the future."""
        if self._known is not None and (self._stored is None or self._known > self._stored):
            self._reviews.set_cursor(self._key, self._known.isoformat())
        if self._ahead:
            self.notes.append(
                f"tasks with a time in the future: {self._ahead} ({self._example}; the server's clock says "
                f"{_short(self._now)}); every pull reads them again. Was the server's clock wrong?"
            )

    def _in_future(self, at: datetime) -> bool:
        return at > self._now + TOLERANCE


def _iso(at: datetime) -> str:
    """A time in the one form that the server's filters take: with microseconds, even if they are 0."""
    return at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _short(at: datetime) -> str:
    return at.strftime("%Y-%m-%d %H:%M UTC")
