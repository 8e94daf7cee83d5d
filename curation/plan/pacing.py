"""How long downloads take at least, because each host is asked at a pace (`download.pace`)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from curation.sources.addresses import host_key
from schemas.documents.plan import Pacing
from schemas.errors import StageError
from schemas.records import Source


def pacing(sources: Iterable[Source], pace: float) -> Pacing | None:
    """The host from which most of these sources come, and the hours that its pace costs at least.

    `pace`: the least seconds between two downloads from one host. None without a pace, and for files of this machine.
    An address that cannot be read costs no time: its download is refused.
    """
    hosts: Counter[str] = Counter()
    for source in sources if pace else ():
        try:
            hosts.update([host_key(source.uri)] if source.kind != "file" else ())
        except StageError:
            continue
    if not hosts:
        return None
    host, videos = max(hosts.items(), key=lambda each: (each[1], each[0]))
    return Pacing(host=host, videos=videos, seconds=pace, least_hours=round((videos - 1) * pace / 3600, 6))
