"""The list of a workspace's videos, for `v2xum list`: where each stands and why, without reading its texts or files."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import Literal, get_args

from curation.ledger.ledger import Ledger
from curation.ledger.stages import TRANSCRIBE
from curation.status.lost_speech import CLASSES, lost_speech
from curation.status.ranks import OF_STAGES, ranks, scores_of
from curation.status.selection import Place, Selection
from curation.status.standings import Standings, VideoStanding, published_title
from curation.status.view import LedgerView
from schemas.documents.status import ListedScore, ListedVideo, VideoList
from schemas.records import Rejection
from schemas.safe_text import public_uri

Order = Literal["listed", "score", "title", "state", "id"]
ORDERS: tuple[Order, ...] = get_args(Order)
_CHUNK = 500


def list_videos(view: LedgerView, selection: Selection, order: Order = "listed") -> VideoList:
    """The videos that a selection takes: by default in the order in which they were first named.

    A reason of transcripts takes videos whose transcript is lost for it or has gaps, though they are samples.
    `order`: `score` puts the worst scores first, and videos without any last. Scores are read for that order alone.
    Raises ConfigError for a selection with a value that nothing can have.
    """
    standings = Standings(view)
    places: list[Place] = []
    rows: list[ListedVideo] = []
    asked = TRANSCRIBE in view.hashes.on and CLASSES.keys() & selection.reasons
    unheard = {place.id: place for place in lost_speech(view.ledger)} if asked else {}
    videos = standings.walk()
    while chunk := list(islice(videos, _CHUNK)):
        found = [(one, Place.of(one)) for one in chunk]
        places += [place for _, place in found]
        told = [(one, _unheard(place, unheard)) if not selection.takes(place) else (one, place) for one, place in found]
        rows += _rows(standings, [(one, place) for one, place in told if selection.takes(place)])
    selection.check([*places, *unheard.values()])
    if order == "score":
        scores = _scores(view.ledger, [place.id for place in places if place.state != "pending"])
        rows = [row.model_copy(update={"score": scores.get(row.id)}) for row in rows]
    return VideoList(videos=len(places), listed=tuple(_sorted(rows, order)))


def _unheard(place: Place, unheard: dict[str, Place]) -> Place:
    """The place of a video that is not out, with the reason why its transcript is lost."""
    lost = unheard.get(place.id)
    return place if lost is None or place.reason is not None else lost._replace(state=place.state)


def _sorted(rows: list[ListedVideo], order: Order) -> list[ListedVideo]:
    match order:
        case "score":
            return sorted(rows, key=lambda row: (row.score.share_as_bad if row.score is not None else 2.0, row.id))
        case "title":
            return sorted(rows, key=lambda row: ((row.title or "\uffff").casefold(), row.id))
        case "state":
            return sorted(rows, key=lambda row: (row.state, row.stage or "", row.reason or "", row.id))
        case "id":
            return sorted(rows, key=lambda row: row.id)
    return rows


def _rows(standings: Standings, chosen: Sequence[tuple[VideoStanding, Place]]) -> list[ListedVideo]:
    ledger = standings.view.ledger
    out = {rejection.id: rejection for rejection in standings.rejections_of([one for one, _ in chosen])}
    ids = [place.id for _, place in chosen if place.id not in out]
    titles = {name: published_title(payload) for name, _, payload in ledger.payloads(ids, ("download",))}
    return [_row(one, place, out.get(place.id), titles.get(place.id)) for one, place in chosen]


def _row(one: VideoStanding, place: Place, rejection: Rejection | None, published: str | None) -> ListedVideo:
    if rejection is not None:  # it names nothing of a video whose publisher opted out
        title, address = rejection.title, rejection.address
    else:
        source = one.source.source()
        title = published or (source.title if source is not None else None)
        address = public_uri(source) if source is not None else None
    return ListedVideo(
        id=place.id,
        state=place.state,
        stage=place.stage,
        reason=place.reason,
        error_class=place.error_class,
        title=title,
        source=address,
    )


def _scores(ledger: Ledger, ids: Sequence[str]) -> dict[str, ListedScore]:
    found: dict[str, dict[str, float]] = {}
    for name, stage, payload in ledger.payloads(ids, OF_STAGES):
        found.setdefault(name, {}).update(scores_of(stage, payload))
    return {
        name: ListedScore(name=rank.name, value=rank.value, share_as_bad=rank.share)
        for name, rank in ranks(found).items()
    }
