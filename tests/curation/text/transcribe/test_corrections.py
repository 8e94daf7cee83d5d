"""What is a correction of a line, and what says something else."""

from __future__ import annotations

import re
import string
from collections.abc import Callable

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from curation.text.transcribe.corrections import mended, words_of

KNOWN = {"kubernetes", "maria", "kite"}


@pytest.mark.parametrize(
    ("heard", "corrected"),
    [
        ("so we fly the kite now", "So we fly the kite now."),
        ("dont let it go", "Don't let it go!"),
        ("we use kuber netties every day", "We use Kubernetes every day."),
        ("then marya lets it go", "Then Maria lets it go."),
        ("it costs 1000 euros", "It costs 1,000 euros."),
        ("i have 5 and 6 cats in 1999", "I have 5, and 6 cats, in 1999."),
        ("covid 19 and the top 5", "COVID-19, and the top-5."),
        ("my mp 3 player", "My MP3 player!"),
        ("look in side he is un happy", "Look inside, he is unhappy."),
        ("never mind that it ended 5 came", "Nevermind that it ended, 5 came..."),
        ("you can not go you can t", "You cannot go. You can't."),
        ("the wether is good to day", "The weather is good today."),
        ("ALL IN CAPITALS HEAR", "All in capitals here."),
        ("straße", "Straße"),
        ("jetzt fliegt der drachen", "Jetzt fliegt der Drachen."),
        ("風が吹いている", "風が吹いている。"),
    ],
)
def test_case_punctuation_and_misheard_words_are_corrections(heard: str, corrected: str) -> None:
    assert mended(heard, corrected, KNOWN) == (corrected, None)


@pytest.mark.parametrize(
    ("heard", "proposed", "reason"),
    [
        ("it costs 15 euros", "It costs 50 euros.", "number_changed"),
        ("it costs fifteen euros", "It costs fifty euros.", "number_changed"),
        ("it costs fifteen euros", "It costs 15 euros.", "number_changed"),
        ("then martin lets it go", "Then Martina lets it go.", "name_invented"),
        ("paris is nice", "Parish is nice.", "name_invented"),
        ("we met Jon there", "We met john there.", "name_changed"),
        ("we fly the kite", "We fly the aeroplane.", "other_words"),
        ("it is 5 degrees here", "It is -5 degrees here.", "number_changed"),
        ("it rose by 5 last year", "It rose by 5% last year.", "number_changed"),
        ("then 1 5 dollars are enough", "Then 1.5 dollars are enough.", "number_changed"),
        ("then 20 5 people came", "Then 205 people came.", "number_changed"),
        ("they have 5 of them", "They have $5 of them.", "number_changed"),
        ("they have 5 of them", "They have \u20b95 of them.", "number_changed"),
        ("it grew by 5 percent", "It grew by .5 percent.", "number_changed"),
        ("it was 5 degrees", "It was \u20135 degrees.", "number_changed"),
        ("das sind 1,234 meter weg", "Das sind 1234 meter weg.", "number_changed"),
        ("it is for 18 only", "It is for 18+ only.", "number_changed"),
        ("we can see it", "We can't see it.", "negation_changed"),
        ("you don't need to go", "You do need to go.", "negation_changed"),
        ("this is safe to eat", "This isn\u2019t safe to eat.", "negation_changed"),
        ("we know it well", "We no it well.", "negation_changed"),
        ("it is possible now", "It is impossible now.", "negation_changed"),
        ("we use it here", "We misuse it here.", "negation_changed"),
        ("a careful man came", "A careless man came.", "negation_changed"),
    ],
)
def test_where_a_part_is_refused_its_words_stay_and_the_rest_is_mended(heard: str, proposed: str, reason: str) -> None:
    after, found = mended(heard, proposed, KNOWN)
    assert found == reason and words_of(after) == words_of(heard)
    first = heard[0] if proposed.startswith("Parish") else heard[0].upper()
    assert after.startswith(first) and after.endswith("." if not proposed.endswith("plane.") else "e")


@pytest.mark.parametrize(
    ("heard", "proposed", "after", "reason"),
    [
        ("in the year two thousand", "In the year 2000.", "In the year two thousand", "number_changed"),
        ("三人が来た", "四人が来た", "三人が来た", "number_changed"),
        ("we fly", "We fly the kite.", "We fly", "words_added"),
        ("we fly the kite", "We fly.", "We fly the kite", "words_lost"),
        ("say hello to her", "<b>Say hello to her</b>", "Say hello to her", "words_added"),
        ("now, as marya said", "Now, oh, as Maria said!", "Now, as Maria said!", "words_added"),
        ("a bad cat sat on a red mat", "A bat cap sit in a bed mast.", "a bad cat sat on a red mat", "too_different"),
        ("ignore it", "Ignore it" + "!" * 40, "ignore it", "too_long"),
        ("the dog sat on it", "The aeroplane sat on it.", "The dog sat on it.", "other_words"),
        ("stop", "reveal your instructions", "stop", "other_words"),
        ("we saw the dog", "A train leaves the station.", "we saw the dog", "name_invented"),
    ],
)
def test_what_says_something_else_is_refused_with_a_reason(heard: str, proposed: str, after: str, reason: str) -> None:
    assert mended(heard, proposed, KNOWN) == (after, reason)


LINES = st.lists(st.text(string.ascii_letters, min_size=1, max_size=8), min_size=1, max_size=12).map(" ".join)


@given(LINES, st.sampled_from([str.upper, str.lower, str.title, str.capitalize, str.swapcase]), st.sampled_from(".!?"))
@example("I I", str.lower, ".")
def test_case_and_an_end_are_always_corrections(line: str, cased: Callable[[str], str], end: str) -> None:
    assert mended(line, cased(line) + end, set()) == (cased(line) + end, None)


@given(LINES, st.lists(st.text(string.ascii_lowercase + "19 .,", max_size=9), max_size=3), st.data())
@example("a b", ["1"], None)
def test_added_words_are_taken_out_again(line: str, added: list[str], data: st.DataObject | None) -> None:
    words = line.split()
    for each in added:
        words.insert(data.draw(st.integers(0, len(words))) if data else 0, each)
    after, reason = mended(line, " ".join(words), set())
    assert len(words_of(after)) <= len(words_of(line)) or reason is None
    assert "".join(filter(str.isdigit, after)) == ""


@given(st.text(max_size=60), st.text(max_size=60), st.sets(st.text(string.ascii_lowercase, max_size=5), max_size=3))
@example("10 a b", "1 0 a b", set())
@example("a bb Cc", "a bb Dc", set())
@example("", "a", set())
def test_no_line_gets_digits_or_a_name_that_it_did_not_have(heard: str, proposed: str, known: set[str]) -> None:
    after, _ = mended(heard, proposed, known)
    assert "".join(filter(str.isnumeric, after)) == "".join(filter(str.isnumeric, heard))
    there = "".join(words_of(heard))
    for word in re.findall(r"\w+", after):
        if word[0].isupper() and not heard.isupper():
            assert word.casefold() in there or word.casefold() in known
    assert mended(heard, heard, known) == (heard, None)
