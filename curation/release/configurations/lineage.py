"""The configuration `lineage`: for each video the ledger's results from which its row was made, by their hashes.

It is what `v2xum explain --release` finds the results by, and what tells a later release where a video that went or
came took another way. So it has the videos that are not in the release, too: up to the stage at which they are out.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from curation.ledger.stages import STAGES
from curation.release.configurations.configuration import Configuration, Inputs, Row
from curation.status.standings import VideoStanding
from curation.status.withdrawn import Withdrawn

if TYPE_CHECKING:
    from datasets import Features

NAME, OUT = "lineage", "out"
_CHUNK = 500


def features() -> Features:
    """The columns: `id`, `split` (`out` for a video that is not in the release), and a column for each stage.

    These have the SHA-256 of the stage's record in the ledger (`digest` in `v2xum explain`), null where the video had
    no current result. `due` is the stage at which an unfinished video waits, null for all others.
    """
    from datasets import Features, Value

    return Features({name: Value("string") for name in ("id", *STAGES.names, "due", "split")})


def rows(inputs: Inputs) -> Iterator[Row]:
    """One row a registered video, by id; of who opted out, and of what was withdrawn, the id alone."""
    standings = inputs.standings
    withdrawn = Withdrawn(standings.view.ledger, standings.view.refresh)
    ids = sorted(source.id for source in standings.view.ledger.sources())
    for start in range(0, len(ids), _CHUNK):
        chunk = ids[start : start + _CHUNK]
        found = {one.source.id: one for one in standings.walk(chunk)}
        for name in chunk:
            split = inputs.splits.get(name, OUT)
            nameless = split == OUT and (name in withdrawn.opted_out or name in withdrawn.gone)
            digests = dict.fromkeys(STAGES.names) if nameless else digests_of(found[name])
            yield {"id": name, **digests, "due": found[name].where.stage, "split": split}


def digests_of(one: VideoStanding) -> dict[str, str | None]:
    """The digests of a video's current results by stage, before the stage at which it is due or out."""
    stop = one.where.stage or one.where.rejected_at
    digests: dict[str, str | None] = dict.fromkeys(STAGES.names)
    for stage in STAGES.names:
        head = one.heads.get(stage)
        if stage == stop or head is None or head.status != "done":
            break
        digests[stage] = head.digest
    return digests


LINEAGE = Configuration(
    NAME,
    "A video, published or not: the hashes of the ledger's results from which it was made.",
    features,
    of_ledger=rows,
)
