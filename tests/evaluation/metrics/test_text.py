"""Text metrics against pycocoevalcap's own calls, on random texts and on real outputs."""

from __future__ import annotations

import json
import os
import random
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from evaluation.metrics import meteor
from evaluation.metrics.java import JavaFailed, LineProcess, find_java
from evaluation.metrics.text import METRICS, NO_REFERENCE, TextPair, TextScorers, TextScores
from evaluation.metrics.text_sums import CORPUS
from schemas.marks import strip_marks
from tests.evaluation.meteor import quick_meteor as quick_meteor
from tests.places import GROUNDTRUTH

ANET = GROUNDTRUTH / "anet"
java = pytest.mark.skipif(TextScorers().reason is not None, reason="needs the extra `text` (pycocoevalcap and a Java)")
WORDS = (
    *("a", "man", "The", "kite", "runs", "running", "red", "big", "large", "U.S.", "Mr.", "don't", "isn't", "etc."),
    *("naïve", "東京", "🙂", "Ünï", "co-op", "3.5", "$5", "(sic)", '"so"', "'tis", "—", "...", "http://a.b/c?d=1", "&"),
    *("1/2", "x|y", "|||", "<b>", "it's", "#1", "a_b", "€", "\u00a0", "\u200b", "end.", "stop!", "why?", ";", "``"),
)


@pytest.fixture(scope="module")
def scorers() -> Iterator[TextScorers]:
    with TextScorers() as opened:
        yield opened


def upstream(pairs: list[TextPair]) -> tuple[dict[str, float], dict[str, list[float]]]:
    """The scores by pycocoevalcap's own calls, with the Java on PATH set to UTF-8."""
    from pycocoevalcap.bleu.bleu import Bleu
    from pycocoevalcap.cider.cider import Cider
    from pycocoevalcap.meteor.meteor import Meteor
    from pycocoevalcap.rouge.rouge import Rouge
    from pycocoevalcap.tokenizer.ptbtokenizer import PTBTokenizer

    gts = PTBTokenizer().tokenize({p.id: [{"caption": text} for text in p.references] for p in pairs})
    res = PTBTokenizer().tokenize({p.id: [{"caption": p.prediction or ""}] for p in pairs})
    bleu, bleus = Bleu(4).compute_score(gts, res, verbose=0)
    corpus = {f"BLEU-{n + 1}": value for n, value in enumerate(bleu)}
    each = {f"BLEU-{n + 1}": list(values) for n, values in enumerate(bleus)}
    meteor = Meteor()
    for name, scorer in (("METEOR", meteor), ("ROUGE_L", Rouge()), ("CIDEr", Cider())):
        corpus[name], values = scorer.compute_score(gts, res)
        each[name] = [float(value) for value in values]
    for stream in (meteor.meteor_p.stdin, meteor.meteor_p.stdout, meteor.meteor_p.stderr):
        if stream is not meteor.meteor_p.stdin:
            stream.close()
    return corpus, each


def random_pairs(seed: int, count: int = 60) -> list[TextPair]:
    rng = random.Random(seed)

    def text(least: int) -> str:
        return " ".join(rng.choices(WORDS, k=rng.randint(least, 25)))

    pairs = []
    for number in range(count):
        references = tuple("a word " + text(0) for _ in range(rng.choice((1, 1, 2, 5))))
        words = references[0].split(" ")
        rng.shuffle(words)
        prediction = rng.choice(("", text(0), " ".join(words), references[-1], text(1)))
        pairs.append(TextPair(f"v{number}", prediction, references))
    return pairs


@java
@pytest.mark.slow
def test_scores_are_those_of_pycocoevalcap_to_the_last_bit(
    scorers: TextScorers, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = find_java()
    assert found is not None
    monkeypatch.setenv("PATH", f"{found.parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("JAVA_TOOL_OPTIONS", "-Dfile.encoding=UTF-8")
    pairs = random_pairs(1)
    corpus, each = upstream(pairs)
    monkeypatch.delenv("JAVA_TOOL_OPTIONS")
    scores = scorers.score(pairs)
    assert scores.corpus == corpus
    assert scores.empty
    for metric in METRICS:
        own = scores.videos[metric]
        for place, pair in enumerate(pairs):
            # A prediction without a word is 0 here; coco-caption gives 0 wherever a reference has a word.
            assert own[pair.id] == each[metric][place], (metric, pair)


@java
@pytest.mark.slow
def test_corpus_figures_from_sums_are_the_scorers_own(scorers: TextScorers) -> None:
    pairs = random_pairs(2, 120)
    for chosen in (pairs, pairs[:40], pairs[40:41], pairs[70:]):
        scores = scorers.score(chosen)
        for metric, of in CORPUS.items():
            rows = scores.sums[metric]
            assert rows.shape[0] == len(chosen)
            assert float(of(rows.sum(axis=0))) == pytest.approx(scores.corpus[metric], abs=1e-12)
            own = [scores.videos[metric][id_] for id_ in scores.scored]
            np.testing.assert_allclose(of(rows), own, atol=1e-12, err_msg=metric)
    # A video drawn twice counts twice, as it does for the scorers.
    scores = scorers.score(pairs[:10])
    twice = scorers.score(pairs[:10] + [pair._replace(id=pair.id + "'") for pair in pairs[:3]])
    weights = np.array([2.0] * 3 + [1.0] * 7)
    for metric, of in CORPUS.items():
        assert float(of(weights @ scores.sums[metric])) == pytest.approx(twice.corpus[metric], abs=1e-12)


@pytest.mark.slow
@java
def test_hostile_texts_keep_their_neighbours_in_place(scorers: TextScorers) -> None:
    good = [TextPair(f"g{n}", f"a man number{n} flies kites", (f"a man number{n} flies kites",)) for n in range(5)]
    breaks = ["\r", "\r\n", "\x0b", "\x0c", "\x85", "\u2028", "\u2029", "\n", "\x00", "\ud800", "|||", "\x1c", "\ufeff"]
    pairs = list(good)
    for number, odd in enumerate(breaks):
        pairs.insert(2 * (number % 5), TextPair(f"b{number}", f"one{odd}two {odd}", (f"{odd}one {odd} two{odd}", odd)))
    pairs += [TextPair("long", "word " * 5000, ("word " * 5000,)), TextPair("same", "word " * 400, ("words " * 400,))]
    scores = scorers.score(pairs)
    assert {id_: why[:8] for id_, why in scores.refused.items()} == {"long": "too long", "same": "METEOR c"}
    assert all(scores.videos[metric]["long"] == 0 for metric in METRICS)
    assert scores.videos["METEOR"]["same"] == 0
    for pair in good:
        assert scores.videos["BLEU-4"][pair.id] == pytest.approx(1, abs=1e-6)
        assert scores.videos["ROUGE_L"][pair.id] == pytest.approx(1)
        assert scores.videos["METEOR"][pair.id] == pytest.approx(1)
    for number in range(len(breaks)):
        assert scores.videos["ROUGE_L"][f"b{number}"] == pytest.approx(1), repr(breaks[number])


@java
@pytest.mark.slow
def test_time_marks_are_no_words(scorers: TextScorers) -> None:
    bare = "A man flies a kite. It rises."
    forms = (
        "[3.0]A man flies a kite. [5.0][6.0]It rises.",
        "[<f0>]A man flies a kite. [<f1>][<f2>]It rises.",
        "[09]A man flies a kite. [15][18]It rises.",
        "A man flies a kite [08, 09]. It rises [12].",
        "A man flies a kite. [08, 09]\nIt rises. [12]",
    )
    pairs = [TextPair(str(n), text, (bare,)) for n, text in enumerate((bare, *forms))]
    scores = scorers.score(pairs)
    for metric in METRICS:
        assert len(set(scores.videos[metric].values())) == 1, metric


@java
@pytest.mark.slow
def test_what_cannot_be_scored_is_said(scorers: TextScorers) -> None:
    pairs = [
        TextPair("ok", "a man runs", ("a man runs fast",)),
        TextPair("other", "dogs sleep here", ("cats sleep there",)),
        TextPair("none", None, ("a kite flies",)),
        TextPair("marks", "[09] [10].", ("a kite flies",)),
        TextPair("unreferenced", "a man", ()),
        TextPair("wordless", "a man", ("...", "")),
    ]
    scores = scorers.score(pairs)
    assert scores.empty == ("none", "marks")
    assert scores.undefined == {"unreferenced": NO_REFERENCE, "wordless": NO_REFERENCE}
    for metric in METRICS:
        assert scores.videos[metric]["none"] == scores.videos[metric]["marks"] == 0
        assert scores.videos[metric]["wordless"] is None
        assert (scores.videos[metric]["ok"] or 0) > 0
    # Empty predictions count in corpus values: without them BLEU is higher.
    assert (scorers.score(pairs[:2]).corpus["BLEU-1"] or 0) > (scores.corpus["BLEU-1"] or 0)
    nothing = scorers.score(pairs[4:])
    assert nothing.corpus == dict.fromkeys(METRICS)
    assert nothing.reasons == dict.fromkeys(METRICS, NO_REFERENCE)
    assert scorers.score([]).corpus == dict.fromkeys(METRICS)
    with pytest.raises(ValueError, match="the same id"):
        scorers.score([pairs[0], pairs[0]])


def test_without_java_there_is_no_number(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("evaluation.metrics.java.importlib.util.find_spec", lambda name: None)
    with TextScorers({"PATH": str(tmp_path)}) as scorers:
        scores = scorers.score([TextPair("v", "a man", ("a man",))])
    assert scorers.reason is not None
    assert isinstance(scores, TextScores)
    assert scores.corpus == dict.fromkeys(METRICS)
    assert scores.videos == {metric: {"v": None} for metric in METRICS}
    assert scores.reasons == dict.fromkeys(METRICS, scorers.reason)
    assert scores.undefined == {"v": scorers.reason}


@java
@pytest.mark.parametrize("early", [True, False])
@pytest.mark.slow
@pytest.mark.usefixtures("quick_meteor")
def test_an_interrupt_does_not_wait_for_meteor(monkeypatch: pytest.MonkeyPatch, early: bool) -> None:
    """An interrupt while METEOR works or starts ends METEOR, which is not started again."""
    interrupted_first, asked = threading.Event(), threading.Event()
    ask, alike = LineProcess.ask, meteor._possible_matches

    def interrupted(*given: object) -> None:
        if not early:
            assert asked.wait(60)
        raise KeyboardInterrupt

    def asking(self: LineProcess, *given: Any) -> list[str]:
        asked.set()
        return ask(self, *given)

    def held_up(text: str, other: str) -> int:
        if early:
            assert interrupted_first.wait(60)
        return alike(text, other)

    def closed(self: TextScorers) -> None:
        close(self)
        interrupted_first.set()

    close = TextScorers.close
    monkeypatch.setattr("evaluation.metrics.text._python_scores", interrupted)
    monkeypatch.setattr("evaluation.metrics.meteor._possible_matches", held_up)
    monkeypatch.setattr(LineProcess, "ask", asking)
    monkeypatch.setattr(TextScorers, "close", closed)
    with TextScorers() as scorers:
        pid = scorers.meteor_pid
        assert pid is not None
        with pytest.raises(KeyboardInterrupt):
            scorers.score([TextPair(str(n), "word " * 300, ("words " * 300,)) for n in range(20)])
        assert scorers.meteor_pid is None and asked.is_set() is not early
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


@java
@pytest.mark.slow
@pytest.mark.usefixtures("quick_meteor")
def test_a_meteor_that_hangs_or_dies_is_ended_and_the_others_keep_their_scores(scorers: TextScorers) -> None:
    pairs = [TextPair("v", "a man runs", ("a man runs",)), TextPair("w", "dogs run", ("cats run",))]
    slow = TextPair("slow", "word " * 300, ("words " * 300,))
    with TextScorers(silence=0.4) as impatient:
        scores = impatient.score([pairs[0], slow, pairs[1]])
        assert list(scores.refused) == ["slow"]
        assert "did not answer for 0.4 s" in scores.refused["slow"]
        assert scores.videos["METEOR"] == scorers.score(pairs).videos["METEOR"] | {"slow": 0.0}
        pid = impatient.meteor_pid
        assert pid is not None
        os.kill(pid, 9)
        with pytest.raises(JavaFailed, match="ended with status -9"):
            impatient.score(pairs)
        assert impatient.meteor_pid is None, "the next call starts another"
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


@java
@pytest.mark.groundtruth
@pytest.mark.slow
def test_real_outputs_give_the_known_figures(scorers: TextScorers) -> None:
    if not ANET.is_dir():
        pytest.skip("the ground truth is not here")
    references = {r["video_id"]: r["caption"] for r in json.loads((ANET / "captions_1905_complete.json").read_text())}
    outputs = json.loads((ANET / "v2xumllama_predictions.json").read_text())
    pairs = [
        TextPair(id_, one["summary"], (references[id_],))
        for one in outputs
        if one["summary"] != "GENERATION_FAILED" and (id_ := one["video_filename"].rsplit(".", 1)[0])
    ]
    assert len(pairs) == 1904
    scores = scorers.score(pairs)
    rounded = {metric: round(value or 0, 4) for metric, value in scores.corpus.items()}
    assert rounded["BLEU-4"] == 0.0446
    assert rounded["METEOR"] == 0.1091
    assert rounded["ROUGE_L"] == 0.2565
    assert rounded["CIDEr"] == 0.2204
    assert not scores.empty
    assert not scores.undefined
    assert all("[" not in strip_marks(pair.prediction or "") for pair in pairs)
