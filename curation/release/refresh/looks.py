"""Looks for the published videos that are due, several at a time, and stores each answer at once.

A kill at any moment loses the looks that are under way and nothing else. Each host has its pace, and a host that turns
requests away is not asked again. When nothing answers any more the network is at fault, and the rest is left for later.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import chain, zip_longest
from typing import NamedTuple

from pydantic import ValidationError

from curation.download.pacing.hosts import Hosts
from curation.ledger.refresh.rechecks import Recheck
from curation.ledger.stages import STAGES
from curation.ledger.standing import fingerprint_of
from curation.pipeline.services import Services
from curation.release.refresh.recheck import Seen, Target, decide, is_due, seen_error, seen_file, seen_published
from curation.sources.addresses import host_key
from schemas.configuration.refresh_config import RefreshConfig
from schemas.errors import PermanentError, PoisonError, RefusedError, StageError, TransientError
from schemas.records import Video

UNREADABLE = "unreadable_record"  # a download that another version of this project noted
MOST_FAILURES = 20  # looks in a row that no host answered
_AT_ONCE = 500


class Watch(NamedTuple):
    """The videos that are watched, and those that are due, the longest unseen first."""

    watched: int
    due: list[str]
    known: Mapping[str, Recheck]


class Answers(NamedTuple):
    """What the looks gave: answers by `available` or reason, and looks without an answer by reason."""

    found: Counter[str]
    unanswered: Counter[str]


def watch(contents: Mapping[str, str], known: Mapping[str, Recheck], config: RefreshConfig, now: float) -> Watch:
    """Decide for each published video whether it is due at the unix time `now`. Pure.

    `contents`: the SHA-256 of each video's file, by id; `known`: the latest answers.
    """
    due = [name for name, content in contents.items() if is_due(known.get(name), content, config, now)]
    due.sort(key=lambda name: (known[name].checked_at if name in known else 0.0, name))
    return Watch(len(contents), due, known)


def look_at_all(
    services: Services,
    ids: Sequence[str],
    known: Mapping[str, Recheck],
    clock: Callable[[], float] = time.time,
    limit: int | None = None,
) -> Answers:
    """Look at the videos `ids` and store the answers, until `limit` of them were asked for. `clock` gives unix times.

    A video whose host is paused is not asked for, so that a host that refuses keeps no other from being asked.
    Raises Interrupted once the run is to stop; the answers until then are stored.
    """
    config = services.config
    pace = max(config.download.pace, config.refresh.pace)
    # A pause that waits for the stop ends with it.
    hosts = Hosts(config.download.model_copy(update={"pace": pace}), sleep=services.stop.wait)
    looking = _Looking(services, hosts, known, clock)
    workers = config.run.download_workers
    start = 0
    while start < len(ids) and (left := _AT_ONCE if limit is None else limit - looking.asked) > 0:
        chunk = ids[start : start + min(left, _AT_ONCE)]
        start += len(chunk)
        targets = _by_turns(_targets(services, chunk, looking.count_unanswered))
        with ThreadPoolExecutor(workers, thread_name_prefix="look") as pool:
            try:
                for _ in pool.map(looking.look, targets):
                    services.raise_if_interrupted()
            except BaseException:  # also Prefect's own signal
                services.stop.set()
                pool.shutdown(wait=True, cancel_futures=True)
                raise
    return looking.answers


class _Looking:
    """What the threads share."""

    def __init__(
        self, services: Services, hosts: Hosts, known: Mapping[str, Recheck], clock: Callable[[], float]
    ) -> None:
        self.answers = Answers(Counter(), Counter())
        self._services, self._hosts, self._known, self._clock = services, hosts, known, clock
        self._lock = threading.Lock()
        self._failures = 0

    @property
    def asked(self) -> int:
        """How many looks asked somebody."""
        unanswered = self.answers.unanswered
        return self.answers.found.total() + unanswered.total() - unanswered["host_paused"] - unanswered[UNREADABLE]

    def look(self, target: Target) -> None:
        """Look at a video, and store the answer."""
        services, name = self._services, target.source.id
        services.raise_if_interrupted()
        if self._failures >= MOST_FAILURES and target.source.kind != "file":
            self.count_unanswered("not_asked")
            return
        try:
            seen = self._seen(target)
        except TransientError as error:
            services.raise_if_interrupted()  # a wait that the stop cut short is no answer of the host
            with self._lock:
                self._failures += error.reason != "host_paused"
            self.count_unanswered(error.reason)
            return
        except (PermanentError, RefusedError, PoisonError) as error:
            seen = seen_error(error)
        answer = decide(name, target.content, self._known.get(name), seen, services.config.refresh, self._clock())
        services.ledger.note_recheck(answer)
        with self._lock:
            self._failures *= target.source.kind == "file"  # which says nothing about the network
            self.answers.found[seen.outcome if seen.reason is None else seen.reason] += 1

    def _seen(self, target: Target) -> Seen:
        if target.source.kind == "file":
            return seen_file(target)
        return seen_published(target, self._services.look(target.source, self._hosts))

    def count_unanswered(self, reason: str) -> None:
        """Count a video of which nothing is known now, by the reason."""
        with self._lock:
            self.answers.unanswered[reason] += 1


def _targets(services: Services, ids: Sequence[str], count_unanswered: Callable[[str], None]) -> Iterator[Target]:
    """What is known of the videos `ids`, in their order; those with an unreadable record are counted, not asked for."""
    ledger = services.ledger
    registered = {row.id: row for row in ledger.sources(ids)}
    heads, stage = ledger.heads(ids), STAGES["download"]
    files = {name: _video(text) for name, _, text in ledger.payloads(ids, ("download",))}
    for name in ids:
        source = registered[name].source()
        if source is None or name not in files:
            continue
        # The list row may have been read again since the download, with another time of the file.
        digest, file = registered[name].digest, files[name]
        if file is None:
            count_unanswered(UNREADABLE)
            continue
        made = fingerprint_of(stage, services.hashes.results[stage.name], [digest])
        noted = digest if heads[name][stage.name].fingerprint == made else ""
        yield Target(source, noted, file.sha256, file.bytes, file.publication.licence)


def _video(payload: str) -> Video | None:
    """A record of a download; None for one of another version of this project."""
    try:
        return Video.model_validate_json(payload)
    except ValidationError:
        return None


def _by_turns(targets: Iterable[Target]) -> list[Target]:
    """The targets with those of different hosts in turns, so that a slow host keeps no other waiting."""
    hosts: dict[str, list[Target]] = {}
    for target in targets:
        hosts.setdefault(_host(target), []).append(target)
    return [target for target in chain.from_iterable(zip_longest(*hosts.values())) if target is not None]


def _host(target: Target) -> str:
    if target.source.kind == "file":
        return ""
    try:
        return host_key(target.source.uri)
    except StageError:
        return ""
