"""Compares the time of the text metrics of 4,000 summaries with pycocoevalcap's own calls in the same minute.

Both do the same work from texts to figures, with the start of Java: pycocoevalcap runs PTBTokenizer, Bleu, Meteor,
Rouge and Cider in turn; this project opens and closes `evaluation.metrics.text.TextScorers`. The figures must be equal
to the last bit.
"""

from __future__ import annotations

import contextlib
import io
import json
import random
import time
from typing import Any

from evaluation.metrics.text import TextPair, TextScorers

PAIRS, WORDS, VOCABULARY = 4000, (60, 120), 4000
_ROUNDS = 2


def texts(pairs: int, seed: int = 0) -> list[TextPair]:
    """Pairs of texts of 60 to 120 words with Zipf's frequencies. A prediction begins with half of its reference."""
    rng = random.Random(seed)
    letters = "etaoinshrdlu"
    vocabulary = ["".join(rng.choices(letters, k=rng.randint(2, 9))) for _ in range(VOCABULARY)]
    weights = [1 / (rank + 1) for rank in range(VOCABULARY)]

    def text() -> list[str]:
        return rng.choices(vocabulary, weights, k=rng.randint(*WORDS))

    made = []
    for number in range(pairs):
        reference = text()
        prediction = reference[: len(reference) // 2] + text()[: len(reference) // 2]
        made.append(TextPair(f"v{number}", " ".join(prediction) + ".", (" ".join(reference) + ".",)))
    return made


def upstream(pairs: list[TextPair]) -> dict[str, float]:
    """The figures by pycocoevalcap's own calls."""
    from pycocoevalcap.bleu.bleu import Bleu
    from pycocoevalcap.cider.cider import Cider
    from pycocoevalcap.meteor.meteor import Meteor
    from pycocoevalcap.rouge.rouge import Rouge
    from pycocoevalcap.tokenizer.ptbtokenizer import PTBTokenizer

    gts = PTBTokenizer().tokenize({p.id: [{"caption": text} for text in p.references] for p in pairs})
    res = PTBTokenizer().tokenize({p.id: [{"caption": p.prediction}] for p in pairs})
    figures = {f"BLEU-{n + 1}": value for n, value in enumerate(Bleu(4).compute_score(gts, res, verbose=0)[0])}
    for name, scorer in (("METEOR", Meteor()), ("ROUGE_L", Rouge()), ("CIDEr", Cider())):
        figures[name] = float(scorer.compute_score(gts, res)[0])
    return figures


def own(pairs: list[TextPair]) -> dict[str, float | None]:
    """The figures by this project's scorers."""
    with TextScorers() as scorers:
        return scorers.score(pairs).corpus


def measure() -> dict[str, Any]:
    """Time both in turn; the best of two rounds counts."""
    pairs = texts(PAIRS)
    best = {"own": float("inf"), "pycocoevalcap": float("inf")}
    figures: dict[str, Any] = {}
    for _ in range(_ROUNDS):
        for name, call in (("pycocoevalcap", upstream), ("own", own)):
            began = time.perf_counter()
            with contextlib.redirect_stdout(io.StringIO()):
                figures[name] = call(pairs)
            best[name] = min(best[name], time.perf_counter() - began)
    return {
        "pairs": PAIRS,
        "equal": figures["own"] == figures["pycocoevalcap"],
        "seconds": round(best["own"], 1),
        "pycocoevalcap_seconds": round(best["pycocoevalcap"], 1),
        "ratio_to_pycocoevalcap": round(best["own"] / best["pycocoevalcap"], 2),
        "goal_ratio": 1.0,
    }


def main() -> None:
    """Run the benchmark and print one line of JSON, with or without `--json`."""
    print(json.dumps(measure()))


if __name__ == "__main__":
    main()
