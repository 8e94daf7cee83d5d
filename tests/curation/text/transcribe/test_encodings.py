"""Decoding subtitle files of before UTF-8."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.text.transcribe.cues import read_cues
from curation.text.transcribe.encodings import text_of

# By language, and whether the letters alone tell the encoding too.
OLD = [
    ("fr", "cp1252", "Où est le garçon ? Il est à l’école.", True),
    ("de", "cp1252", "Ich möchte über die Straße gehen.", True),
    ("es", "cp1252", "¿Qué? España y el niño pequeño", True),
    ("fi", "cp1252", "Hyvää päivää, mitä kuuluu?", False),
    ("pl", "cp1250", "Zażółć gęślą jaźń, dziękuję.", False),
    ("cs", "cp1250", "Nevím, co mám dělat.", False),
    ("hun", "cp1250", "Később, még ősszel.", False),
    ("ro-RO", "cp1250", "Şi ce faci acum, măi băiete?", False),
    ("ru", "cp1251", "Привет, как дела?", True),
    ("sr", "cp1251", "Шта радиш вечерас, бре?", True),
    ("sr", "cp1250", "Šta radiš večeras, čoveče? Žao mi je.", False),
    ("el", "cp1253", "Καλημέρα, πώς είσαι;", True),
    ("tr", "cp1254", "İyi akşamlar, nasılsın? Şimdi gidiyoruz, çok güzel ağaç", True),
    ("he", "cp1255", "שלום, מה שלומך היום?", False),
    ("ar", "cp1256", "مرحبا كيف حالك اليوم", True),
    ("lv", "cp1257", "Kā tev iet šodien?", False),
    ("th", "cp874", "สวัสดีครับ วันนี้อากาศดี", False),
    ("zh", "gb18030", "你好，今天天气很好，我们去公园吧", True),
    ("zh-TW", "big5", "你好，今天天氣很好，我們去公園吧", True),
    ("ja", "cp932", "こんにちは、今日はいい天気ですね", True),
    ("ko", "cp949", "안녕하세요 오늘 날씨가 좋네요", True),
]


@pytest.mark.parametrize(("language", "encoding", "line", "alone"), OLD)
@pytest.mark.parametrize("many", [1, 12_000])
def test_files_of_before_utf_8_keep_their_letters(
    language: str, encoding: str, line: str, alone: bool, many: int
) -> None:
    plain = "1\n00:00:01,000 --> 00:00:02,000\nOK.\n\n" * 20
    data = (plain + f"2\n00:00:03,000 --> 00:00:04,000\n{line}\n\n" * many).encode(encoding)
    for known in (language, *((None, "und") if alone else ())):
        assert {cue.lines[0].text for cue in read_cues(data, "srt", known)[20:]} == {line}


@given(st.text(), st.sampled_from([None, "und", "cs", "zh"]))
def test_utf_8_and_utf_16_are_never_taken_for_another(text: str, language: str | None) -> None:
    text = text.removeprefix("\ufeff")
    assert text_of(text.encode("utf-16"), language) == text
    assert text_of(text.encode("utf-8-sig"), language) == text
    if not text.startswith("\ufeff"):
        assert text_of(f"x{text}".encode(), language) == f"x{text}"


@pytest.mark.parametrize("language", [None, "cs"])
def test_a_few_damaged_bytes_cost_these_alone(language: str | None) -> None:
    damaged = "I don\ufffdt know".encode() + b"\xe9 "
    assert text_of(damaged, language) == "I don\ufffdt know\ufffd "
    assert text_of("Äpfel 日本".encode() + b"\xc4", language) == "Äpfel 日本\ufffd"


@given(st.binary(max_size=2000), st.sampled_from([None, "zh", "sr", "de", "th"]))
def test_bytes_of_any_kind_are_a_text(data: bytes, language: str | None) -> None:
    assert isinstance(text_of(data, language), str)
