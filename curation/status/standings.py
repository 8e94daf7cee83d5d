"""Where every video stands, and why a video is out. A command computes it once; nothing else computes it.

A video is out for one reason: its publisher opted out, or its bytes are those of another video, or people rejected it,
or its audit keeps it back and people did not accept it, or its source is gone, or it was rejected at its list row, at a
stage or at the export. Status, explain, the report, the export and the card use this answer.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from operator import itemgetter
from typing import NamedTuple

from pydantic import ValidationError

from curation.ledger import duplicates
from curation.ledger.entries import Head, Registered
from curation.ledger.samples import samples_of
from curation.ledger.stages import STAGES, SUMMARY
from curation.ledger.standing import Standing, stages_ahead, standing
from curation.review.applied import AppliedVerdicts
from curation.status.gate import Gate
from curation.status.view import LedgerView
from curation.status.withdrawn import Withdrawn, opted_out
from schemas.errors import ErrorClass
from schemas.records import Rejection, Sample, Source, Video
from schemas.safe_text import public_address, public_uri

_CHUNK = 500


class Why(NamedTuple):
    """Why a video is out: where, by which class of error, and the reason as a slug."""

    stage: str
    error_class: ErrorClass
    reason: str

    def __str__(self) -> str:
        return f"{self.stage}: {self.reason}"


class VideoStanding(NamedTuple):
    """A video, its current results, where it stands, and why it is out (None: it is a sample or pending)."""

    source: Registered
    heads: Mapping[str, Head]
    where: Standing
    why: Why | None

    @property
    def outdated(self) -> bool:
        """Whether it was finished, and is due again: settings or the program changed, or a result was forgotten."""
        finished, due = self.heads.get(SUMMARY), self.where.stage
        if finished is None or finished.status != "done" or self.where.state != "pending" or due is None:
            return False
        return due in self.heads or due not in STAGES.later(SUMMARY)  # else its first run goes on there


class Standings:
    """Computes where the videos of a ledger stand, and why they are out.

    All answers of one object use the same duplicates and verdicts. Memory holds some hundred videos at a time, and the
    rejections by people and by the audit.
    """

    def __init__(self, view: LedgerView) -> None:
        """Read which videos are set aside as duplicates, and which samples have a verdict that could reject them."""
        self.view = view
        self.people = AppliedVerdicts(view.ledger, view.rules, view.hashes.on)
        self.gate = Gate(view.ledger, view.audit, self.people)
        self._aside = view.ledger.duplicates()
        self._withdrawn = Withdrawn(view.ledger, view.refresh)

    def walk(self, ids: Sequence[str] | None = None) -> Iterator[VideoStanding]:
        """Where each video stands, by position: all videos, or those of `ids`."""
        ledger = self.view.ledger
        sources = ledger.sources(ids)
        while chunk := list(islice(sources, _CHUNK)):
            heads = ledger.heads([source.id for source in chunk])
            found = [self._stand(source, heads.get(source.id, {})) for source in chunk]
            finished = [one.source.id for one in found if one.where.state == "sample"]
            refused = self.people.rejections(finished)
            refused |= self.gate.rejections([video_id for video_id in finished if video_id not in refused])
            gone = self._withdrawn.gone
            refused |= {name: gone[name] for name in finished if name in gone and name not in refused}
            for one in found:
                if one.source.id in refused:
                    yield one._replace(where=Standing("rejected", None), why=_why(refused[one.source.id]))
                else:
                    yield one

    def samples(self) -> list[str]:
        """The ids of the samples, sorted: finished, not rejected by people, not kept back by the audit."""
        return sorted(one.source.id for one in self.walk() if one.where.state == "sample")

    def judgeable(self) -> list[str]:
        """The ids of what people may judge, sorted: samples, what people rejected, and what waits for people."""
        return sorted({*self.samples(), *self.people.found, *self.gate.awaiting()})

    def rejections(self) -> Iterator[Rejection]:
        """Why each video that is out is out, sorted by id."""
        out = sorted(
            ((one.source.id, one.where.rejected_at) for one in self.walk() if one.why is not None),
            key=itemgetter(0),
        )
        for start in range(0, len(out), _CHUNK):
            yield from self._rejections(out[start : start + _CHUNK])

    def rejection(self, one: VideoStanding) -> Rejection | None:
        """Why a video is out, with the evidence; None for one that is not."""
        if one.why is None:
            return None
        return next(self.rejections_of([one]), None)

    def rejections_of(self, videos: Sequence[VideoStanding]) -> Iterator[Rejection]:
        """Why each of these videos is out, in their order, without those that are not out; some hundred at once."""
        yield from self._rejections([(one.source.id, one.where.rejected_at) for one in videos if one.why is not None])

    def published(self, ids: Sequence[str]) -> Iterator[Sample]:
        """Finished samples with the verdicts of people applied, in the order given; some hundred in memory."""
        for start in range(0, len(ids), _CHUNK):
            yield from self.people.applied(ids[start : start + _CHUNK])

    def _stand(self, source: Registered, heads: Mapping[str, Head]) -> VideoStanding:
        if source.id in self._withdrawn.opted_out:
            return VideoStanding(source, heads, Standing("rejected", None), _why(opted_out(source.id)))
        if source.id in self._aside:
            rejection = duplicates.rejection(source.id, *self._aside[source.id])
            return VideoStanding(source, heads, Standing("rejected", None), _why(rejection))
        where = standing(source, heads, self.view.hashes)
        head = heads.get(where.rejected_at) if where.rejected_at is not None else None
        if head is None or head.error_class is None:
            return VideoStanding(source, heads, where, None)
        return VideoStanding(source, heads, where, Why(head.stage, head.error_class, head.reason or ""))

    def _rejections(self, out: Sequence[tuple[str, str | None]]) -> Iterator[Rejection]:
        """The rejections of videos that are out, given with the place where the ledger has them (None: elsewhere)."""
        ledger = self.view.ledger
        stored = ledger.rejections_at({name: place for name, place in out if place is not None})
        ids = [name for name, _ in out]
        sources = {row.id: row.source() for row in ledger.sources(ids)}
        titles = {name: published_title(payload) for name, _, payload in ledger.payloads(ids, ("download",))}
        for name in ids:
            if name in self._withdrawn.opted_out:
                rejection = opted_out(name)
            elif name in self._aside:
                rejection = duplicates.rejection(name, *self._aside[name])
                if self._aside[name][0] in self._withdrawn.erased:
                    rejection = rejection.model_copy(update={"evidence": ""})  # it names the erased video's hash
            elif name in self.people.found:
                rejection = self.people.found[name]
            elif name in self.gate.found:
                rejection = self.gate.found[name]
            elif name in stored:
                rejection = stored[name]
            elif name in self._withdrawn.gone:
                rejection = self._withdrawn.gone[name]
            else:
                continue
            if self._withdrawn.is_nameless(rejection):
                own = rejection is self._withdrawn.gone.get(name)  # whose evidence names nothing
                yield rejection if own else rejection.model_copy(update={"evidence": ""})
            else:
                yield named(rejection, sources.get(name), titles.get(name))


def sample_ids(view: LedgerView) -> list[str]:
    """The ids of the samples that nobody and nothing rejected, sorted: the rows of the export."""
    return Standings(view).samples()


def finished_ids(view: LedgerView) -> list[str]:
    """As `Standings.judgeable`."""
    return Standings(view).judgeable()


def samples(view: LedgerView) -> Iterator[Sample]:
    """Every sample of `sample_ids`, as the models made it, by id; one at a time in memory."""
    return samples_of(view.ledger, Standings(view).samples(), view.hashes.on)


def published(view: LedgerView) -> Iterator[Sample]:
    """Every finished sample with what people said of it applied, by id."""
    standings = Standings(view)
    return standings.published(standings.samples())


def all_rejections(view: LedgerView) -> Iterator[Rejection]:
    """Why each video that is out is out, sorted by id."""
    return Standings(view).rejections()


def due(view: LedgerView, ids: Sequence[str]) -> dict[str, str]:
    """The videos among `ids` that are due, by position, and the stage at which each is due."""
    return {one.source.id: one.where.stage for one in Standings(view).walk(ids) if one.where.stage is not None}


def ahead(view: LedgerView, ids: Sequence[str]) -> dict[str, frozenset[str]]:
    """The videos among `ids` that are due, by position, and all stages that may run for each before it is settled."""
    walked = Standings(view).walk(ids)
    return {
        one.source.id: stages_ahead(one.source, one.heads, view.hashes) for one in walked if one.where.stage is not None
    }


def named(rejection: Rejection, source: Source | None, published_title: str | None) -> Rejection:
    """The rejection with title and public address of its video; as it is for a list row that gave no source."""
    if source is None:
        return rejection
    address = public_uri(source) or public_address(source.uri)
    return rejection.model_copy(update={"title": published_title or source.title, "address": address})


def published_title(payload: str) -> str | None:
    """The publisher's title in the record of a download; None also when the record cannot be read."""
    try:
        return Video.model_validate_json(payload).publication.title
    except ValidationError:
        return None  # why a video is out must be told all the same


def _why(rejection: Rejection) -> Why:
    return Why(rejection.stage, rejection.error_class, rejection.reason)
