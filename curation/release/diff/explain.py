"""What a release says of one video: its row, the ledger's results that it was made from, and what is other now."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from curation.dataset.rows import row_of
from curation.ledger.stages import STAGES
from curation.pipeline.services import Services
from curation.pipeline.settings import columns_of as run_columns
from curation.release.configurations.full import FULL
from curation.release.configurations.lineage import NAME as LINEAGE
from curation.release.configurations.lineage import digests_of
from curation.release.configurations.rejections import REJECTIONS
from curation.release.diff.changed import Change, causes_of_change
from curation.release.diff.compare import NOT_COMPARED, alike
from curation.release.diff.opened import TOMBSTONES, OpenedRelease, open_release
from curation.release.diff.out import Place, Published, causes_of_coming, causes_of_leaving
from curation.release.diff.reading import columns_of, row_with_id, rows_by_id, rows_with_ids
from curation.release.diff.states import Pair
from curation.release.made_with import stage_states
from curation.release.readable import arrow_batch
from curation.status.standings import Standings, VideoStanding
from schemas.arrow import arrow_schema
from schemas.configuration.config import CurateConfig
from schemas.documents.release_diff import Cause, LedgerResult, PublishedExplanation
from schemas.errors import ConfigError
from schemas.manifest import SPLITS
from schemas.safe_text import plain

_NAMES = ("title", "source.uri", "file.sha256")
_LEAST, _NAMED = 4, 8
_LONG = frozenset({"captions", "captions_failed", "vsum_onehot"})  # not repeated: `full` has them


def explain_published(folder: Path, wanted: str, services: Services) -> PublishedExplanation:
    """What the release in `folder` says of the video `wanted`, and how the ledger of `services` differs from that.

    `wanted` is an id, the first letters of one, a title, an address or the hash of a file. Raises ConfigError when it
    names no video of the release, or several, and as `open_release`.
    """
    release = open_release(folder)
    video_id = _found(release, wanted)
    columns = columns_of(release, FULL.name)
    row = row_with_id(release, FULL.name, columns, video_id) if columns else None
    rejection, tombstone, lineage = (
        rows_with_ids(release, name, [video_id]).get(video_id) for name in (REJECTIONS.name, TOMBSTONES, LINEAGE)
    )
    standings = Standings(services.view)
    one = next(standings.walk([video_id]), None)
    states = Pair(release.states, {state.name: state for state in stage_states(services)})
    place = Place(rejection, tombstone, lineage, release.has_lineage)
    fields: frozenset[str] = frozenset()
    causes: tuple[Cause, ...] = ()
    current = _current(one, standings, row, services.config)
    if row is not None and current is not None:
        fields = _fields(row, current)
        causes = causes_of_change(Change(row, current, fields), states) if fields else ()
    elif row is not None and one is not None:
        causes = causes_of_leaving(_place_now(one, standings), Published(lineage, _status(row)), states)
    elif current is not None and one is not None:
        causes = causes_of_coming(place, Published(digests_of(one), _status(current)), states)
    return PublishedExplanation(
        id=video_id,
        release=release.listed.version,
        state="published" if row is not None else "left out" if rejection or tombstone or lineage else "not in it",
        row={name: value for name, value in row.items() if name not in _LONG} if row is not None else None,
        out=tombstone or rejection,
        results=_results(lineage, one, services),
        now=_now(one),
        fields=tuple(name for name in row or () if name in fields),
        causes=causes,
    )


def _found(release: OpenedRelease, wanted: str) -> str:
    """The id of the one video that `wanted` names."""
    known = {"id", *_NAMES} & columns_of(release, FULL.name)
    near: list[str] = []
    if release.files(FULL.name):
        for ref in rows_by_id(release, FULL.name, known):
            if ref.id == wanted:
                return wanted
            if _means(ref.one().to_pylist()[0], wanted):
                near.append(ref.id)
    for name in (TOMBSTONES, REJECTIONS.name, LINEAGE):
        for ref in rows_by_id(release, name, ["id"]) if release.files(name) else ():
            if ref.id == wanted:
                return wanted
            if len(wanted) >= _LEAST and ref.id.startswith(wanted):
                near.append(ref.id)
    near = list(dict.fromkeys(near))
    if len(near) == 1:
        return near[0]
    asked, where = repr(plain(wanted)), f"release {release.listed.version}"
    if near:
        more = f" and {len(near) - _NAMED} more" if len(near) > _NAMED else ""
        raise ConfigError(
            f"{asked} names {len(near)} videos of {where}: give one of the ids {', '.join(near[:_NAMED])}{more}"
        )
    raise ConfigError(f"{asked} names no video of {where}: give the id that its rows have, a title or an address")


def _means(row: Mapping[str, Any], wanted: str) -> bool:
    uri = (row.get("source") or {}).get("uri") or ""
    sha256 = (row.get("file") or {}).get("sha256") or ""
    if wanted in (row.get("title"), uri, uri.rsplit("/", 1)[-1], sha256):
        return True
    return len(wanted) >= _LEAST and (row["id"].startswith(wanted) or sha256.startswith(wanted))


def _current(
    one: VideoStanding | None, standings: Standings, row: Mapping[str, Any] | None, config: CurateConfig
) -> dict[str, Any] | None:
    """The row that the ledger gives now, in the form in which releases write it; None for a video that is no sample."""
    if one is None or one.where.state != "sample":
        return None
    (sample,) = standings.published([one.source.id])
    split = row.get("split") if row is not None else None
    made = row_of(sample, split if split in SPLITS else "train", None, blur=config.export.blurred)
    (written,) = arrow_batch([made], arrow_schema(run_columns(config))).to_pylist()
    return dict(written)


def _fields(row: Mapping[str, Any], current: Mapping[str, Any]) -> frozenset[str]:
    """The columns in which two rows differ, by what both of them have."""
    names = (row.keys() & current.keys()) - NOT_COMPARED - {"split"}
    return frozenset(name for name in names if not alike(*_shared(row[name], current[name])))


def _shared(first: Any, second: Any) -> tuple[Any, Any]:
    """Both values without the keys that one of them lacks."""
    if isinstance(first, dict) and isinstance(second, dict):
        pairs = {key: _shared(first[key], second[key]) for key in first if key in second}
        return {key: pair[0] for key, pair in pairs.items()}, {key: pair[1] for key, pair in pairs.items()}
    if isinstance(first, list) and isinstance(second, list) and len(first) == len(second):
        both = [_shared(*pair) for pair in zip(first, second, strict=True)]
        return [pair[0] for pair in both], [pair[1] for pair in both]
    return first, second


def _place_now(one: VideoStanding, standings: Standings) -> Place:
    rejection = standings.rejection(one)
    lineage = {**digests_of(one), "due": one.where.stage}
    return Place(rejection.model_dump() if rejection is not None else None, None, lineage, knows_all=True)


def _results(
    lineage: Mapping[str, Any] | None, one: VideoStanding | None, services: Services
) -> dict[str, LedgerResult]:
    if lineage is None:
        return {}
    current = digests_of(one) if one is not None else {}
    stored = services.ledger.all_digests(str(lineage["id"]))
    found = {}
    for stage in STAGES.names:
        if (digest := lineage.get(stage)) is None:
            continue
        now = current.get(stage)
        kept = digest in stored.get(stage, ())
        found[stage] = LedgerResult(
            digest=digest, now="current" if digest == now else "older" if kept else "missing", current=now
        )
    return found


def _status(row: Mapping[str, Any]) -> str | None:
    review = row.get("review")
    return str(review["status"]) if isinstance(review, dict) and review.get("status") is not None else None


def _now(one: VideoStanding | None) -> str:
    if one is None:
        return "the ledger does not know it"
    where = f", due at {one.where.stage}" if one.where.stage is not None else ""
    return plain(f"{one.where.state}{where}" + (f", {one.why}" if one.why is not None else ""))
