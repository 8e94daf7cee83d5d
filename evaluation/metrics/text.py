"""BLEU-1..4, METEOR, ROUGE-L and CIDEr of summaries, exactly as coco-caption computes them.

The scorers, the PTB tokenizer (Stanford CoreNLP 3.4.1, lower case, no punctuation) and the METEOR 1.5 jar are those of
pycocoevalcap (https://github.com/salaniz/pycocoevalcap 1.2, which is coco-caption for Python 3):

    BLEU-n    Papineni et al. 2002; corpus: clipped counts and lengths summed over videos, closest reference length
    METEOR    Denkowski and Lavie 2014, `-l en -norm`; corpus: the jar's own aggregate of summed matches, not a mean
    ROUGE_L   Lin 2004, beta 1.2, best precision and best recall over references; corpus: mean over videos
    CIDEr     Vedantam et al. 2015 (CIDEr-D, sigma 6), idf of the references given; corpus: mean; 0..10

Only these metrics need Java: without it there are no PTB tokens, and every score is None with the reason.
pycocoevalcap's own wrappers for Java are not used, because they write into site-packages, wait without limit, and read
a caption with line breaks as several captions. The tokens and scores are the same.
"""

from __future__ import annotations

import importlib.util
import re
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

from evaluation.cases import Floats
from evaluation.metrics.java import NO_JAVA, JavaFailed, LineProcess, find_java, run_once
from evaluation.metrics.meteor import SILENCE, Meteor
from evaluation.metrics.text_sums import bleu_row, rows_by_metric
from schemas.marks import strip_marks

BLEU = ("BLEU-1", "BLEU-2", "BLEU-3", "BLEU-4")
METRICS = (*BLEU, "METEOR", "ROUGE_L", "CIDEr")
UNITS = dict.fromkeys(METRICS, "fraction") | {"CIDEr": "CIDEr"}
NO_PACKAGE = "pycocoevalcap is not installed: install the extra `text`"
NO_REFERENCE = "no reference text with a word in it"
SCORERS = "pycocoevalcap 1.2 (PTB tokens of CoreNLP 3.4.1, METEOR 1.5)"
# METEOR's two files stand before its options; `-stdio` takes the pairs from standard input instead.
METEOR_OPTIONS = ("-", "-", "-stdio", "-l", "en", "-norm")
# Characters that the tokenizer reads as the end of a line (\x85 as "..."); a space gives the same tokens.
_BREAKS = dict.fromkeys(map(ord, "\n\r\x0b\x0c\x85\u2028\u2029"), " ")
_SURROGATES = re.compile("[\ud800-\udfff]")  # not valid Unicode characters
_MOST_CELLS = 4_000_000  # product of the two texts' word counts, to which ROUGE-L's time grows; 57,600 for 240 words
_TOKENIZER_SECONDS = 600.0  # the longest time that the tokenizer may take


class TextPair(NamedTuple):
    """One video: the predicted summary (None: there is none) and the references. Texts may have time marks."""

    id: str
    prediction: str | None
    references: tuple[str, ...]


class TextScores(NamedTuple):
    """The scores of all metrics (`METRICS`).

    - `videos`: by metric and id; fractions (CIDEr 0..10), None where undefined.
    - `corpus`: by metric, coco-caption's value over all videos that have references; None without such videos.
    - `reasons`: why a metric has no value at all. `undefined`: by id, why a video has no value.
    - `empty`: ids of the predictions without a word, which have the worst scores.
    - `refused`: by id, why a video counts as 0 in METEOR or in all metrics: its texts are too long or repeat too much.
    - `sums`: for the metrics whose corpus value is not a mean (BLEU, METEOR), the counts (videos, K) from which
      text_sums.py computes it: one row for each id of `scored`, in that order.
    """

    videos: dict[str, dict[str, float | None]]
    corpus: dict[str, float | None]
    reasons: dict[str, str]
    undefined: dict[str, str]
    empty: tuple[str, ...]
    refused: dict[str, str]
    scored: tuple[str, ...]
    sums: dict[str, Floats]


class TextScorers:
    """The scorers with their METEOR process. Leaving the context manager ends the process."""

    def __init__(self, environment: Mapping[str, str] | None = None, silence: float = SILENCE) -> None:
        """Look for Java and for the package pycocoevalcap; `reason` says which is missing, None where both exist.

        `environment`: where to look for Java, os.environ by default. `silence`: seconds that METEOR may take for one
        pair.
        """
        self._silence = silence
        self._lock = threading.Lock()
        self._meteor: LineProcess | None = None
        self._java = find_java(environment)
        self.reason: str | None = None
        if importlib.util.find_spec("pycocoevalcap") is None:
            self.reason = NO_PACKAGE
        elif self._java is None:
            self.reason = NO_JAVA

    def __enter__(self) -> Self:
        if self.reason is None:
            self.meteor()  # METEOR loads slowly, so it is started first
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End METEOR's process. A later `score` starts a new one."""
        process, self._meteor = self._meteor, None
        if process is not None:
            process.close()

    @property
    def meteor_pid(self) -> int | None:
        """The process id of METEOR; None while it does not run."""
        return None if self._meteor is None else self._meteor.pid

    def score(self, pairs: Sequence[TextPair]) -> TextScores:
        """Score every prediction against its own references.

        A prediction that is None or has no word is scored as the empty text: 0 in every metric, and its reference
        counts in the corpus values of BLEU and METEOR. So is a prediction for which the scorers would need hours. A
        video is undefined where no reference has a word. CIDEr takes its document frequencies from the references of
        all pairs: it depends on the videos that are scored together, and for a single video it is always 0.

        Raises ValueError for two pairs with the same id, and JavaFailed.
        """
        if len({pair.id for pair in pairs}) != len(pairs):
            raise ValueError("two pairs have the same id")
        if self.reason is not None:
            return _without(pairs, self.reason)
        with self._lock:
            return self._score(pairs)

    def _score(self, pairs: Sequence[TextPair]) -> TextScores:
        references = self._tokens([text for pair in pairs for text in pair.references])
        predictions = self._tokens([pair.prediction or "" for pair in pairs])
        scored: list[str] = []
        gts: list[list[str]] = []
        res: list[str] = []
        start = 0
        for pair, prediction in zip(pairs, predictions, strict=True):
            own = references[start : start + len(pair.references)]
            start += len(pair.references)
            if any(own):
                scored.append(pair.id)
                gts.append(own)
                res.append(prediction)
        refused: dict[str, str] = {}
        for place, (text, own) in enumerate(zip(res, gts, strict=True)):
            words = len(text.split()) * max(len(other.split()) for other in own)
            if words > _MOST_CELLS:
                refused[scored[place]] = f"too long: {len(text.split())} words predicted"
                res[place] = ""
        undefined = {pair.id: NO_REFERENCE for pair in pairs if pair.id not in set(scored)}
        if not scored:
            return _without(pairs, NO_REFERENCE)._replace(undefined=undefined)
        meteor = Meteor(self.meteor, self.close, res, gts, self._silence)
        try:
            bleu, bleu_rows, rouge, cider = _python_scores(res, gts)
        except BaseException:  # Ctrl-C must not wait for METEOR
            meteor.stop()
            raise
        finally:
            meteor.join()
        corpus, each, matches = self._checked(meteor)
        sums = rows_by_metric(bleu_rows, matches)
        by_video = [*bleu[1], each, rouge[1], cider[1]]
        # A prediction without a word gets exactly 0, where coco-caption's smoothing would leave a tiny value.
        empty = {place for place, text in enumerate(res) if not text}
        videos: dict[str, dict[str, float | None]] = {}
        for metric, values in zip(METRICS, by_video, strict=True):
            defined = {
                id_: 0.0 if place in empty else float(value)
                for place, (id_, value) in enumerate(zip(scored, values, strict=True))
            }
            videos[metric] = {pair.id: defined.get(pair.id) for pair in pairs}
        totals = [*bleu[0], corpus, rouge[0], cider[0]]
        return TextScores(
            videos,
            {metric: float(value) for metric, value in zip(METRICS, totals, strict=True)},
            {},
            undefined,
            tuple(scored[place] for place in sorted(empty)),
            refused | {scored[place]: reason for place, reason in meteor.refused.items()},
            tuple(scored),
            sums,
        )

    def _checked(self, meteor: Meteor) -> tuple[float, list[float], list[list[float]]]:
        if meteor.error is not None:
            self.close()  # the next call starts a new process
            raise meteor.error
        return meteor.corpus, meteor.each, meteor.matches

    def _tokens(self, texts: Sequence[str]) -> list[str]:
        """PTB tokens of every text, joined by spaces, as pycocoevalcap's PTBTokenizer gives them, by one process."""
        from pycocoevalcap.tokenizer import ptbtokenizer

        if not texts:
            return []
        jar = Path(ptbtokenizer.__file__).with_name(ptbtokenizer.STANFORD_CORENLP_3_4_1_JAR)
        command = [str(self._java), "-Dfile.encoding=UTF-8", "-cp", str(jar)]
        command += ["edu.stanford.nlp.process.PTBTokenizer", "-encoding", "UTF-8", "-preserveLines", "-lowerCase"]
        lines = run_once(command, "\n".join(_plain(text) for text in texts), _TOKENIZER_SECONDS).split("\n")
        if len(lines) > len(texts) and not any(lines[len(texts) :]):
            lines = lines[: len(texts)]
        lines += [""] * (len(texts) - len(lines)) if not any(_plain(text) for text in texts[len(lines) :]) else []
        if len(lines) != len(texts):
            raise JavaFailed(f"the tokenizer answered {len(lines)} lines to {len(texts)} texts")
        punctuation = frozenset(ptbtokenizer.PUNCTUATIONS)
        return [" ".join(word for word in line.rstrip().split(" ") if word not in punctuation) for line in lines]

    def meteor(self) -> LineProcess:
        """METEOR's process, which is started if it does not run. Raises JavaFailed."""
        if self._meteor is None:
            self._meteor = self._start_meteor()
        return self._meteor

    def _start_meteor(self) -> LineProcess:
        from pycocoevalcap.meteor import meteor

        jar = Path(meteor.__file__).with_name(meteor.METEOR_JAR)
        # The serial collector, because the others use a third more CPU time to load the paraphrases.
        options = ["-Xmx2G", "-XX:+UseSerialGC", "-Dfile.encoding=UTF-8", "-Dstdout.encoding=UTF-8"]
        return LineProcess([str(self._java), *options, "-jar", str(jar), *METEOR_OPTIONS])


def _python_scores(
    predictions: Sequence[str], references: Sequence[list[str]]
) -> tuple[
    tuple[Sequence[float], Sequence[Sequence[float]]],
    list[list[float]],
    tuple[float, Sequence[float]],
    tuple[float, Sequence[float]],
]:
    from pycocoevalcap.bleu.bleu_scorer import BleuScorer
    from pycocoevalcap.cider.cider import Cider
    from pycocoevalcap.rouge.rouge import Rouge

    gts = dict(enumerate(references))
    res = {place: [text] for place, text in enumerate(predictions)}
    bleu = BleuScorer(n=4)
    for place, text in enumerate(predictions):
        bleu += (text, references[place])
    scores = bleu.compute_score(option="closest", verbose=0)
    rows = [bleu_row(counts) for counts in bleu.ctest]
    return scores, rows, Rouge().compute_score(gts, res), Cider().compute_score(gts, res)


def _plain(text: str) -> str:
    """One line of valid Unicode, without time marks."""
    return _SURROGATES.sub(" ", strip_marks(text).translate(_BREAKS))


def _without(pairs: Sequence[TextPair], reason: str) -> TextScores:
    videos: dict[str, dict[str, float | None]] = {metric: {pair.id: None for pair in pairs} for metric in METRICS}
    corpus: dict[str, float | None] = dict.fromkeys(METRICS)
    return TextScores(videos, corpus, dict.fromkeys(METRICS, reason), {p.id: reason for p in pairs}, (), {}, (), {})
