"""The window over the latest observations of a run's captions, and its three alarms. Pure; memory is bounded."""

from __future__ import annotations

import functools
from collections import Counter, OrderedDict, deque
from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple

from curation.frames.similarity import UNLIKE_BITS, distance
from schemas.binding import CanaryOutcome
from schemas.configuration.config import BindingConfig
from schemas.safe_text import clean_text
from schemas.time import FrameIndex

LEAST_CANARIES = 4
LEAST_OF_A_SERVER = 8  # more than LEAST_CANARIES: of many servers one has bad results by chance
_MOST_SERVERS = 256
_DEPTH = 4  # the window holds 4 times the least number of observations
AlarmKind = Literal["canaries", "match", "repeated", "summaries", "choices"]


class Shown(NamedTuple):
    """A caption and the frame that it is attached to; `phash` is the frame's 64-bit hash (16 hex digits)."""

    video_id: str
    frame: FrameIndex
    text: str
    phash: str


class Compared(NamedTuple):
    """A caption that was nearer to its own frame than to `won` of `of` other frames.

    `margin` is the cosine to the own frame minus the mean cosine to the others. Of a video that another process
    checked, the figures are those of all its compared captions.
    """

    shown: Shown
    won: int
    of: int
    margin: float


class CanaryResult(NamedTuple):
    """The outcome of a canary that was captioned among the frames of a video."""

    video_id: str
    outcome: CanaryOutcome


class Commonest(NamedTuple):
    """The text that covers most unlike frames.

    It covers `covers` of the `of` unlike frames that all texts cover, in `videos` videos.
    """

    text: str
    covers: int
    of: int
    videos: int

    @property
    def share(self) -> float:
        """The text's share of all unlike frames (0..1)."""
        return self.covers / self.of if self.of else 0.0


class Alarm(NamedTuple):
    """A share that is on the wrong side of its limit, and the number of observations.

    For the kind `choices` the limit is the least chance of such a share by honest choices. `videos` are the videos that
    repeat each other (summaries, choices).
    """

    kind: AlarmKind
    share: float
    limit: float
    observations: int
    server: str = ""  # set when the alarm is about one of several servers
    videos: tuple[str, ...] = ()

    def __str__(self) -> str:
        """The alarm as a sentence for people."""
        if self.kind == "canaries":
            return (
                f"only {self.share:.0%} of the last {self.observations} pictures with known content "
                f"{f'that {self.server} captioned ' if self.server else ''}were recognized "
                f"(binding.min_canaries: {self.limit:.0%})"
            )
        if self.kind == "match":
            return (
                f"the last {self.observations} captions fit their own frame better than other videos' frames in only "
                f"{self.share:.0%} of the comparisons (binding.min_match: {self.limit:.0%})"
            )
        if self.kind == "summaries":
            return (
                f"{len(self.videos)} of the last {self.observations} videos have nearly the same summary, though their "
                f"pictures and captions differ (binding.max_same_summaries: {self.limit:.0%})"
            )
        if self.kind == "choices":
            return (
                f"{len(self.videos)} of the last {self.observations} videos have the same keyframes, as seconds or "
                f"relative to their length, though their pictures and captions differ; honest choices coincide so "
                f"often with a chance below {self.limit:g} (binding.min_choice_chance)"
            )
        return (
            f"one caption covers {self.share:.0%} of the last {self.observations} unlike frames "
            f"(binding.max_share: {self.limit:.0%})"
        )


class Window:
    """A rolling window over the observations of a run, in order of arrival. Only one thread at a time may use it."""

    def __init__(self, config: BindingConfig) -> None:
        """Keep the limits of a configuration; the window holds at most 4 times the least number of observations."""
        self._config = config
        self.canaries: deque[CanaryResult] = deque(maxlen=_DEPTH * LEAST_CANARIES)
        self.servers: OrderedDict[str, deque[CanaryResult]] = OrderedDict()
        self.compared: deque[Compared] = deque(maxlen=_DEPTH * config.least)
        self.shown: deque[Shown] = deque(maxlen=_DEPTH * config.least)

    def videos(self) -> set[str]:
        """The ids of the videos with observations in the window."""
        return (
            {canary.video_id for canary in self.canaries}
            | {canary.video_id for canaries in self.servers.values() for canary in canaries}
            | {compared.shown.video_id for compared in self.compared}
            | {shown.video_id for shown in self.shown}
        )

    def add_canaries(self, canaries: Iterable[CanaryResult]) -> None:
        """Add canaries to the window, and to the window of the server that captioned each: one server may be faulty."""
        for canary in canaries:
            self.canaries.append(canary)
            server = canary.outcome.server
            self.servers.setdefault(server, deque(maxlen=_DEPTH * LEAST_CANARIES)).append(canary)
            self.servers.move_to_end(server)
            if len(self.servers) > _MOST_SERVERS:
                self.servers.popitem(last=False)

    def canary_share(self) -> float | None:
        """The share of the canaries that were recognized (0..1); None without canaries."""
        return _recognized(self.canaries) if self.canaries else None

    def match_share(self) -> float | None:
        """The mean over captions of the share of comparisons that the own frame won (0..1); None without captions."""
        if not self.compared:
            return None
        return sum(compared.won / compared.of for compared in self.compared) / len(self.compared)

    def commonest(self) -> Commonest:
        """The caption of several videos that covers most unlike frames."""
        return commonest(self.shown)

    def alarm(self) -> Alarm | None:
        """The first alarm in the order canaries, match, repeated; None when all shares are within their limits."""
        config = self._config
        recognized, matched, most = self.canary_share(), self.match_share(), self.commonest()
        if recognized is not None and len(self.canaries) >= LEAST_CANARIES and recognized < config.min_canaries:
            return Alarm("canaries", recognized, config.min_canaries, len(self.canaries))
        if len(self.servers) > 1:
            for server, canaries in self.servers.items():
                if len(canaries) >= LEAST_OF_A_SERVER and _recognized(canaries) < config.min_canaries:
                    return Alarm("canaries", _recognized(canaries), config.min_canaries, len(canaries), server)
        if matched is not None and len(self.compared) >= config.least and matched < config.min_match:
            return Alarm("match", matched, config.min_match, len(self.compared))
        enough = len(self.shown) >= config.least and most.of >= config.least // 2
        if enough and most.share > config.max_share:
            return Alarm("repeated", most.share, config.max_share, most.of)
        return None

    def figures(self) -> dict[str, float | int | None]:
        """The shares (0..1) and the numbers of observations behind them."""
        most = self.commonest()
        margins = [compared.margin for compared in self.compared]
        return {
            "canaries": len(self.canaries),
            "canaries_recognized_share": self.canary_share(),
            "captions_compared": len(self.compared),
            "match_share": self.match_share(),
            "mean_margin": sum(margins) / len(margins) if margins else None,
            "unlike_frames": most.of,
            "commonest_caption_share": most.share,
        }


def _recognized(canaries: Sequence[CanaryResult] | deque[CanaryResult]) -> float:
    return sum(canary.outcome.right for canary in canaries) / len(canaries)


def commonest(shown: Iterable[Shown]) -> Commonest:
    """Of the texts that occur in at least two videos, the text that covers most unlike frames.

    Frames that look alike count once for a text. `of` counts the unlike frames of all texts, also of texts in one video
    only. But such a text is never the commonest: a lecture that shows one thing for an hour is no fault.
    """
    groups: dict[str, list[Shown]] = {}
    for caption in shown:
        groups.setdefault(caption_key(caption.text), []).append(caption)
    covers = {text: len(unlike(group)) for text, group in groups.items()}
    videos = {text: len({caption.video_id for caption in group}) for text, group in groups.items()}
    spread = Counter({text: count for text, count in covers.items() if videos[text] >= 2})
    text, count = max(spread.items(), key=lambda item: (item[1], item[0]), default=("", 0))
    return Commonest(text, count, sum(covers.values()), videos.get(text, 0))


def unlike(shown: Sequence[Shown]) -> list[Shown]:
    """The unlike frames, in order: each differs in more than 8 bits from every frame that was taken before it."""
    taken: list[Shown] = []
    for caption in shown:
        if all(distance(caption.phash, other.phash) > UNLIKE_BITS for other in taken):
            taken.append(caption)
    return taken


@functools.lru_cache(maxsize=4096)  # the captions of a window are compared anew with each video
def caption_key(text: str) -> str:
    """The form in which captions are compared: one line, case-folded."""
    return clean_text(text).casefold()
