"""METEOR: one Java process that stays open and is asked line by line."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Sequence

from evaluation.metrics.java import JavaFailed, LineProcess

PTB_SECONDS, _LOADING, SILENCE = 600.0, 300.0, 120.0  # METEOR loads for 6 s, and 20 on a busy machine
_MOST_ALIKE, _MOST_REFUSED = 100_000, 5  # summaries of 240 words come to some 2,000


class Meteor(threading.Thread):
    """METEOR at work while Python counts. `matches`: the jar's 23 statistics of every pair; `refused`: why, by place.

    Its aligner needs time and memory that grow with the cube of repeated words: 700 times the same word in both texts
    is half a minute, 5,000 times ends it. A model that repeats itself must not take the others' scores away: what
    repeats too much, and what it twice did not survive, is scored as the empty text.
    """

    def __init__(
        self,
        process: Callable[[], LineProcess],
        end: Callable[[], None],
        predictions: Sequence[str],
        references: Sequence[Sequence[str]],
        silence: float,
    ) -> None:
        super().__init__(name="meteor", daemon=True)
        self._open, self._end = process, end
        self._predictions, self._references = list(predictions), references
        self._silence = silence
        self._gate = threading.Lock()
        self._stopped = False
        self.corpus = 0.0
        self.error: JavaFailed | None = None
        self.each: list[float] = []
        self.matches: list[list[float]] = []
        self.refused: dict[int, str] = {}
        self.start()

    def stop(self) -> None:
        """End METEOR for good: the thread, wherever it is, starts no other."""
        with self._gate:
            self._stopped = True
            self._end()

    def run(self) -> None:
        """Ask METEOR; the results are in the attributes when the thread has ended."""
        for place, (text, own) in enumerate(zip(self._predictions, self._references, strict=True)):
            if max(_alike(text, other) for other in own) > _MOST_ALIKE:
                self._refuse(place, "METEOR cannot align texts that repeat so many words")
        try:
            stats = self._statistics()
            evaluation = " ||| ".join(("EVAL", *stats))
            *each, corpus = self._process().ask([evaluation], len(stats) + 1, self._silence)
            self.each, self.corpus = [float(value) for value in each], float(corpus)
            self.matches = [[float(value) for value in line.split()] for line in stats]
        except JavaFailed as error:
            self.error = error
        except ValueError as error:
            self.error = JavaFailed(f"METEOR answered what is no number: {error}")

    def _statistics(self) -> list[str]:
        stats: list[str] = []
        failed_at = -1
        while len(stats) < len(self._predictions):
            process = self._process()
            process.ask(["SCORE ||| a ||| a"], 1, _LOADING)  # a failure here is no text's fault
            left = range(len(stats), len(self._predictions))
            try:
                stats += process.ask([self._question(place) for place in left], len(left), self._silence)
            except JavaFailed as error:
                if self._stopped:
                    raise
                self._end()
                stats += error.answers
                if len(stats) == failed_at:
                    if len(self.refused) >= _MOST_REFUSED:
                        raise
                    self._refuse(failed_at, f"METEOR failed twice: {error}"[:300])
                failed_at = len(stats)
        return stats

    def _process(self) -> LineProcess:
        with self._gate:
            if self._stopped:
                raise JavaFailed("METEOR was stopped")
            return self._open()

    def _question(self, place: int) -> str:
        return " ||| ".join(("SCORE", *map(_unbarred, self._references[place]), _unbarred(self._predictions[place])))

    def _refuse(self, place: int, reason: str) -> None:
        self.refused[place] = reason
        self._predictions[place] = ""


def _alike(text: str, other: str) -> int:
    """How many pairs of words of the two texts METEOR may match: those with four letters in common, about."""
    mine, theirs = (Counter(word[:4] for word in one.split()) for one in (text, other))
    return sum(count * theirs[key] for key, count in mine.items())


def _unbarred(tokens: str) -> str:
    """Without METEOR's separator, as pycocoevalcap writes predictions (and here references too)."""
    return tokens.replace("|||", "").replace("  ", " ") if "|||" in tokens else tokens
