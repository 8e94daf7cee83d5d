"""The texts of the study: sentences with the captions that they cite, true ones and planted faults.

demo           scripts of the demo's world, whose truth is known; no files are needed
two people     ActivityNet Captions: `anet/activitynet_val_release.jsonl` and `anet/captions_1905_complete.json` have
texts of two people about the same videos
V2Xum-LLaMA    `anet/v2xumllama_predictions.json`, the summaries that a trained model wrote of the same videos
"""

from __future__ import annotations

import itertools
import json
import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from demo.world import COLOURS, Script, make_script
from schemas.temporal_lenient import lenient_slots

EXAMPLE = ("A man chops onions.", "He fries them in a pan.")  # refine.v1 had it
SLOTS = 100


class Text(NamedTuple):
    """A summary: each sentence with the captions that it cites. `choice`: keyframes as indices of `frames` frames."""

    sentences: tuple[tuple[str, tuple[str, ...]], ...]
    choice: tuple[int, ...] = ()
    frames: int = 0


class Person(NamedTuple):
    """One person's sentences about a video of `seconds`, each with its window in seconds."""

    seconds: float
    sentences: tuple[str, ...]
    windows: tuple[tuple[float, float], ...]


Groups = dict[str, list[Text]]


def demo_texts(count: int, seed: int = 0) -> Groups:
    """True summaries of `count` scripts, and the same with planted faults."""
    rng = random.Random(f"audit study {seed}")
    scripts = [make_script(number) for number in range(count)]
    following = [*scripts[1:], scripts[0]]
    groups: Groups = {"demo, the true summary": [_true(script) for script in scripts]}
    groups["demo, one colour exchanged in every sentence"] = [_recoloured(_true(script), rng) for script in scripts]
    groups["demo, times exchanged within the video"] = [_rotated(_true(s)) for s in scripts if len(s.events) > 1]
    groups["demo, sentences of another video"] = [
        _exchanged(_true(own), _true(other)) for own, other in zip(scripts, following, strict=True)
    ]
    groups["demo, the prompt's example"] = [_exchanged(_true(script), _example()) for script in scripts]
    return groups


def people_texts(folder: Path, most: int | None = None, seed: int = 0) -> Groups:
    """Texts of ActivityNet Captions about their own and about other videos; see the head of the module.

    `most`: the number of videos, None: all. Raises OSError and ValueError for files that are missing or broken.
    """
    rng = random.Random(f"audit study people {seed}")
    first, second = _first_people(folder), _second_people(folder)
    both = sorted(v for v in first.keys() & second.keys() if first[v].sentences != second[v].sentences)[:most]
    groups: Groups = {
        "two people, the same video": [_cited(first[v], second[v], overlapping=True) for v in both],
        "two people, different videos": [_cited(first[v], second[rng.choice(both)], overlapping=False) for v in both],
    }
    written = _predictions(folder)
    known = sorted(written.keys() & second.keys())[:most]
    groups["V2Xum-LLaMA, a person's text of the video"] = [_of_model(written[v], second[v]) for v in known]
    groups["V2Xum-LLaMA, a person's text of another video"] = [
        _of_model(written[v], second[rng.choice(known)]) for v in known
    ]
    groups["the prompt's example, a person's text"] = [
        Text(tuple((sentence, second[v].sentences) for sentence in EXAMPLE)) for v in known
    ]
    return groups


def human_choices(folder: Path) -> list[tuple[int, tuple[int, ...]]]:
    """The number of seconds of each video, and the middle seconds of the windows that a person marked."""
    found = []
    for one in _first_people(folder).values():
        frames = int(one.seconds) + 1
        middles = {min(frames - 1, int((start + end) / 2)) for start, end in one.windows}
        found.append((frames, tuple(sorted(middles))))
    return found


def _true(script: Script) -> Text:
    said = tuple((e.sentence, tuple(script.captions[second] for second in e.seconds)) for e in script.events)
    return Text(said, tuple(script.keyframes), script.duration)


def _example() -> Text:
    return Text(tuple((sentence, ()) for sentence in EXAMPLE))


def _recoloured(text: Text, rng: random.Random) -> Text:
    """Each sentence with its first colour exchanged for another."""
    changed = []
    for sentence, captions in text.sentences:
        words = sentence.split()
        place = next((i for i, word in enumerate(words) if word.casefold() in COLOURS), None)
        if place is not None:
            words[place] = rng.choice([colour for colour in COLOURS if colour != words[place].casefold()])
        changed.append((" ".join(words), captions))
    return text._replace(sentences=tuple(changed))


def _rotated(text: Text) -> Text:
    captions = [captions for _, captions in text.sentences]
    pairs = zip(text.sentences, [*captions[1:], captions[0]], strict=True)
    return text._replace(sentences=tuple((sentence, cited) for (sentence, _), cited in pairs))


def _exchanged(own: Text, other: Text) -> Text:
    """The sentences of another text, on the captions of this one, in order, as often as they last."""
    captions = itertools.cycle([captions for _, captions in own.sentences])
    return own._replace(sentences=tuple((sentence, next(captions)) for sentence, _ in other.sentences))


def _cited(writer: Person, reader: Person, *, overlapping: bool) -> Text:
    """The writer's sentences, which cite the reader's: those whose windows overlap, or the first one or two."""
    pairs = []
    for number, sentence in enumerate(writer.sentences):
        start, end = writer.windows[number]
        cited = [s for s, (a, b) in zip(reader.sentences, reader.windows, strict=True) if a < end and start < b]
        pairs.append((sentence, tuple(cited) if overlapping and cited else reader.sentences[:2]))
    return Text(tuple(pairs))


def _of_model(written: Text, reader: Person) -> Text:
    return written._replace(sentences=tuple((sentence, reader.sentences) for sentence, _ in written.sentences))


def _first_people(folder: Path) -> dict[str, Person]:
    rows: dict[str, list[dict[str, Any]]] = {}
    for row in _json_lines(folder / "activitynet_val_release.jsonl"):
        rows.setdefault(str(row["vid"]), []).append(row)
    return {
        video: _person(each[0]["duration"], [r["query"] for r in each], [r["relevant_windows"][0] for r in each])
        for video, each in rows.items()
    }


def _second_people(folder: Path) -> dict[str, Person]:
    records = json.loads((folder / "captions_1905_complete.json").read_text(encoding="utf-8"))
    return {r["video_id"]: _person(r["duration"], r["sentences"], r["timestamps"]) for r in records}


def _person(seconds: float, sentences: Sequence[str], windows: Sequence[Sequence[float]]) -> Person:
    spans = tuple((float(a), float(b)) for a, b in windows)
    return Person(float(seconds), tuple(sentence.strip() for sentence in sentences), spans)


def _predictions(folder: Path) -> dict[str, Text]:
    """The summaries of V2Xum-LLaMA: its sentences, and its choice among 100 places of the video."""
    found = {}
    for record in json.loads((folder / "v2xumllama_predictions.json").read_text(encoding="utf-8")):
        read = lenient_slots(record["summary"], SLOTS)
        lines = [(line.slots, line.text) for line in read.lines if line.text]
        if lines:
            choice = tuple(sorted({slot for slots, _ in lines for slot in slots}))
            text = Text(tuple((sentence, ()) for _, sentence in lines), choice, SLOTS)
            found[str(record["video_filename"]).rsplit(".", 1)[0]] = text
    return found


def _json_lines(path: Path) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8") as stream:
        for line in stream:
            if line.strip():
                yield json.loads(line)
