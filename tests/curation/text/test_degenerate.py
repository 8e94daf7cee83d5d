"""Text that is no text: planted faults, replies of real models, and what people wrote, which is never called so."""

import json

import pytest

import prompts
from curation.text.degenerate import degenerate, no_sentence, repeated_sentence
from tests.places import GROUNDTRUTH

OWN = prompts.load("refine.v2").own + '{"text":"SENTENCE"}'
FAULTS = {
    "SENTENCE": "a placeholder",
    "A SENTENCE about a man.": "a placeholder of the prompt: SENTENCE",
    "GENERATION_FAILED": "a placeholder",
    "...": "no words",
    "21,30": "no words",
    "Your sentence here.": "a placeholder",
    "N/A": "a placeholder",
    "Lorem ipsum dolor sit amet.": "a placeholder",
    "A man walks.},{": "markup",
    '"text":"A man walks.': "markup",
    "A man walks.\\nA dog runs.": "markup",
    "<b>A man walks.</b>": "markup",
    "A man walks.<|im_end|>": "markup",
    "A man &amp; a dog walk.": "markup",
    "**A man walks.**": "markup",
    "- A man walks.": "markup",
    "2. A man walks.": "markup",
    "A man swings around and around and around and around and around.": "it repeats itself",
    "The red room is a red room and the red room is a red room and the red room is red.": "it repeats itself",
    "It is there and then it is here.": "only function words",
    "Ein Mann schneidet in der Küche Zwiebeln.": "language de",
    "Une femme parle devant la caméra.": "language fr",
    "一个男人在切洋葱。": "language zh",
}
SOUND = (
    "A man chops onions.",
    'A sign reads "AUSGANG NUR FÜR PERSONAL" beside a door.',
    "A red circle rests on the left, a blue square moves up, gray room.",
    "No one is here.",
    "A man (in a suit) pours 2.5 l of water & salt; then he stirs.",
    "Rock band AC/DC plays on stage!",
    "A USB stick lies on the table.",
)


@pytest.mark.parametrize("text", FAULTS)
def test_faults(text: str) -> None:
    assert (degenerate(text, OWN, "", "en") or "").startswith(FAULTS[text])


@pytest.mark.parametrize("text", SOUND)
def test_sound_text(text: str) -> None:
    assert degenerate(text, OWN, "", "en") is None and no_sentence(text) is None


def test_capitals_of_the_captions_are_no_placeholders() -> None:
    assert degenerate('A sign reads "SENTENCE" in red.', OWN, 'a sign that reads "SENTENCE"') is None
    assert degenerate("The JSON file is open on the screen.", "Answer with JSON alone.") is None


def test_any_language_is_allowed_where_none_is_asked_for() -> None:
    assert degenerate("Ein Mann schneidet in der Küche Zwiebeln.") is None
    assert degenerate("Ein Mann schneidet in der Küche Zwiebeln.", language="de") is None


@pytest.mark.parametrize(
    "text",
    [
        "A man walks",
        "A man walks,",
        "A man walks and",
        "A man [3] walks.",
        "[3,4] Go.",
        "Captions: Go.",
        "The caption is long.",
    ],
)
def test_no_sentence(text: str) -> None:
    assert no_sentence(text)


@pytest.mark.parametrize("text", ['He says "stop."', "What is it?", "男は歩く。", "Stop! (He stops.)", "He waits…"])
def test_ends_of_sentences(text: str) -> None:
    assert no_sentence(text) is None


def test_repeated_sentences() -> None:
    room = "The room is a black square and a blue triangle."
    unlike = [f"caption {i}" for i in range(11)]
    assert repeated_sentence([room] * 11, unlike) == "the room is a black square and a blue triangle"
    assert repeated_sentence([room, room.upper()], unlike[:2])
    assert repeated_sentence([room, room, "A man walks."], unlike[:3]) is None
    assert repeated_sentence([room, room, room, "A man walks."], unlike[:4])
    assert repeated_sentence([room, room, room, "A man walks."], ["same", "same", "same", "other"]) is None
    assert repeated_sentence([], []) is None


@pytest.mark.slow
@pytest.mark.skipif(not GROUNDTRUTH.is_dir(), reason="needs the annotations that people made")
def test_what_people_wrote_is_not_degenerate() -> None:
    folder = GROUNDTRUTH / "anet"
    captions = [json.loads(row)["query"] for row in (folder / "activitynet_val_release.jsonl").read_text().splitlines()]
    references = json.loads((folder / "captions_1905_complete.json").read_text())
    texts = [*captions, *(sentence for reference in references for sentence in reference["sentences"])]
    faults = [(text, fault) for text in map(str.strip, texts) if (fault := degenerate(text, OWN, "", "en"))]
    faults += [(text, fault) for text in map(str.strip, texts) if (fault := no_sentence(text))]
    assert len(texts) > 24_000 and len(faults) <= 0.001 * len(texts), faults[:20]
    repeated = [r for r in references if repeated_sentence(r["sentences"], r["sentences"][::-1])]
    assert len(repeated) <= 0.001 * len(references)
