"""METEOR scores from its Java program, in a thread beside the other text metrics."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Sequence

from evaluation.metrics.java import JavaFailed, LineProcess

SILENCE = 120.0  # seconds without an answer after which METEOR has failed
_LOADING = 300.0  # seconds that METEOR may load; it takes 6, and 20 on a busy machine
_MOST_MATCHES = 100_000  # pairs of words that METEOR may have to align; summaries of 240 words have about 2,000
_MOST_REFUSED = 5  # texts on which METEOR may fail before the whole evaluation fails


class Meteor(threading.Thread):
    """A thread that asks METEOR's process for the scores of pairs of texts while Python computes the other metrics.

    Results, when the thread has ended: `corpus`, the score of all pairs together; `each`, the score of every pair;
    `matches`, the 23 statistics of every pair; `refused`, the reason by place of a text that was not scored; `error`,
    why there is no result.

    The time and memory of METEOR's aligner grow with the cube of repeated words: 700 times the same word in both texts
    takes half a minute, 5,000 times ends the process. One such text must not take away the scores of the others: a text
    that repeats too much, or on which METEOR failed twice, is scored as the empty text.
    """

    def __init__(
        self,
        process: Callable[[], LineProcess],
        end: Callable[[], None],
        predictions: Sequence[str],
        references: Sequence[Sequence[str]],
        silence: float,
    ) -> None:
        """Start the thread. `process` opens METEOR's process or returns the open one, `end` ends it.

        `predictions` and `references` are tokens joined by spaces. `silence`: seconds that METEOR may take for a pair.
        """
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
        """End METEOR. The thread does not start it again."""
        with self._gate:
            self._stopped = True
            self._end()

    def run(self) -> None:
        """Ask METEOR. The results are in the attributes when the thread has ended."""
        for place, (text, own) in enumerate(zip(self._predictions, self._references, strict=True)):
            if max(_possible_matches(text, other) for other in own) > _MOST_MATCHES:
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
            self.error = JavaFailed(f"METEOR's answer is not a number: {error}")

    def _statistics(self) -> list[str]:
        stats: list[str] = []
        failed_at = -1
        while len(stats) < len(self._predictions):
            process = self._process()
            process.ask(["SCORE ||| a ||| a"], 1, _LOADING)  # a failure here is not the fault of a text
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
        texts = (*self._references[place], self._predictions[place])
        return " ||| ".join(("SCORE", *map(_without_separator, texts)))

    def _refuse(self, place: int, reason: str) -> None:
        self.refused[place] = reason
        self._predictions[place] = ""


def _possible_matches(text: str, other: str) -> int:
    """About how many pairs of words METEOR may match: the pairs whose first four letters are equal."""
    left, right = (Counter(word[:4] for word in words.split()) for words in (text, other))
    return sum(count * right[key] for key, count in left.items())


def _without_separator(tokens: str) -> str:
    """Tokens without METEOR's separator, as pycocoevalcap writes predictions; here references too."""
    return tokens.replace("|||", "").replace("  ", " ") if "|||" in tokens else tokens
