"""Finds the reference that a name from another file means: its id, another name of it, or the id with or without `v_`.

ActivityNet's ids begin with `v_`, YouTube's own do not; TVSum's and SumMe's published files call videos `video_1`.
"""

from __future__ import annotations

from collections.abc import Iterable

from evaluation.cases import Reference

UNKNOWN = "unknown_video: no reference has this id"
NOT_CHOSEN = "not_chosen: no chosen fold tests this video"
_PREFIX = "v_"


class KnownVideos:
    """The videos of an evaluation by every name that files give them."""

    def __init__(self, references: Iterable[Reference]) -> None:
        """Index the references. An id goes before any other name; a name that two videos share is no name."""
        self._ids = {reference.id: reference for reference in references}
        shared: dict[str, Reference | None] = {}
        for reference in self._ids.values():
            for name in {*reference.aliases, *(_other(name) for name in (reference.id, *reference.aliases))}:
                shared[name] = None if name in shared else reference
        self._others = shared

    def find(self, name: str) -> Reference | None:
        """The reference that `name` means, or None."""
        return self._ids.get(name) or self._others.get(name)

    def id_of(self, name: str) -> str:
        """The id of the reference that `name` means; of an unknown video the name itself."""
        found = self.find(name)
        return name if found is None else found.id


def _other(name: str) -> str:
    return name.removeprefix(_PREFIX) if name.startswith(_PREFIX) else _PREFIX + name
