"""What the tests of downloads ask for: an address with friendly limits, in a child or in this process."""

from __future__ import annotations

from schemas.configuration.config import DownloadConfig, FilterConfig, RangeFilter
from schemas.records import Origin, Source

ALL = FilterConfig(duration=RangeFilter(mode="disable"))


class Here:
    """Runs what a child would run, in this process: for tests that change this process's DNS."""

    def run(self, function, *args, limits, meanwhile):
        return function(*args)


def config(**changes):
    return DownloadConfig(
        **{"allow_private_addresses": True, "backoff": 0, "timeout": 5, "wall_seconds": 60, **changes}
    )


def source(uri, kind="url", **fields):
    return Source(id="a1", kind=kind, uri=uri, origin=Origin(list_name="l.csv", row=1), **fields)
