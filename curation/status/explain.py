"""Everything that the ledger knows of one video, for `v2xum explain`."""

from __future__ import annotations

import json
import re
from pathlib import Path

from curation.ledger.entries import Entry
from curation.ledger.ledger import Ledger
from curation.ledger.stages import SOURCE, STAGES
from curation.sources.seen import origin_of
from curation.status.standings import Standings
from curation.status.view import LedgerView
from schemas.documents.status import ExplainedRejection, ExplainedStage, Explanation
from schemas.errors import ConfigError
from schemas.records import Origin
from schemas.safe_text import file_name
from schemas.secret_addresses import without_secrets

_NAMED = 8  # ids in a message
_ROW = re.compile(r"(?P<list>.+?)(?::|,? row )(?P<row>[0-9]{1,12})", re.DOTALL)


def find(ledger: Ledger, wanted: str) -> list[str]:
    """Ids that a person may mean: the id itself, a prefix of it, a file hash, an address or the end of one, a title.

    Also the place in a list: `list.csv:12`, or `list.csv row 12`, as messages have it.
    """
    matches: list[str] = []
    wanted = without_secrets(wanted)
    if not wanted.strip():  # else a video without a title would be meant
        return matches
    contents = ledger.contents()
    named = _ROW.fullmatch(wanted)
    row = Origin(list_name=named["list"], row=int(named["row"])) if named is not None else None
    rejected = {one.id: origin_of(one.evidence) for one in ledger.rejections() if one.stage == SOURCE} if row else {}
    for source in ledger.sources():
        record = source.source()
        if source.id == wanted:
            return [wanted]
        names = [source.id, contents.get(source.id, "")]
        if record is not None:
            names += [record.uri, record.uri.rsplit("/", 1)[-1], record.title or ""]
        exact = wanted in names or _same_row(row, rejected.get(source.id) if record is None else record.origin)
        if exact or (len(wanted) >= 4 and any(name.startswith(wanted) for name in names[:2])):
            matches.append(source.id)
    return matches


def find_one(ledger: Ledger, wanted: str, where: Path) -> str:
    """The id of the one video that a person means, as `find`. Raises ConfigError; it calls the workspace `where`."""
    ids = find(ledger, wanted)
    if len(ids) == 1:
        return ids[0]
    if ids:
        more = f" and {len(ids) - _NAMED} more" if len(ids) > _NAMED else ""
        named = f"{', '.join(ids[:_NAMED])}{more}"
        raise ConfigError(f"{wanted!r} names {len(ids)} videos in {where}: give one of the ids {named}")
    raise ConfigError(
        f"{wanted!r} names no video in {where}: give the id that report/report.html, the dataset or its "
        "rejections.jsonl has, the first letters of it, a title or an address"
    )


def _same_row(wanted: Origin | None, origin: Origin | None) -> bool:
    """Whether both are one row of one list; the list's file name is enough."""
    if wanted is None or origin is None or wanted.row != origin.row:
        return False
    return file_name(wanted.list_name) == file_name(origin.list_name)


def explain(view: LedgerView, video_id: str) -> Explanation:
    """A video's origin, what every stage made of it, at what cost, and why it is out. Raises ValueError for no id."""
    standings = Standings(view)
    (video,) = standings.walk([video_id])
    rejection = standings.rejection(video)
    order = {name: number for number, name in enumerate(STAGES.places_of_rejection)}
    entries = sorted(view.ledger.entries(video_id), key=lambda entry: order[entry.head.stage])
    tried = {entry.head.stage: entry.attempts for entry in entries if entry.head.status == "rejected"}
    told = []
    if rejection is not None:
        attempts = tried.get(rejection.stage) if rejection.stage == video.where.rejected_at else None
        told.append(ExplainedRejection(**rejection.model_dump(), attempts=attempts))
    finished = video.where.state == "sample" or video_id in {**standings.people.found, **standings.gate.found}
    reviewed = standings.people.explain(video_id, finished)
    return Explanation(
        id=video_id,
        state=video.where.state,
        due=video.where.stage,
        source=json.loads(video.source.payload) if video.source.payload else None,
        rejections=tuple(told),
        stages={entry.head.stage: _stage(entry) for entry in entries},
        verdicts=tuple(reviewed["verdicts"]),
        review=reviewed["review"],
    )


def _stage(entry: Entry) -> ExplainedStage:
    return ExplainedStage(
        status=entry.head.status,
        fingerprint=entry.head.fingerprint,
        digest=entry.head.digest,
        runs=entry.attempts,
        tokens_in=entry.effort.tokens_in,
        tokens_out=entry.effort.tokens_out,
        requests=entry.effort.attempts,
        seconds=round(entry.seconds, 3),
        record=json.loads(entry.payload),
    )
