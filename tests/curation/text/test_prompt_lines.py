"""Lines of prompts: captions stay on their line and cannot imitate times."""

import re

from hypothesis import given
from hypothesis import strategies as st

from curation.text.prompt_lines import json_number, prompt_line

HOSTILE = st.one_of(st.text(), st.text(alphabet="[]0123456789, \n\r\u2028\x85\x0b\x00\u202eA<|>"))


@given(st.lists(st.integers(0, 9999).map(lambda k: k / 4), min_size=1, max_size=3), HOSTILE)
def test_a_caption_cannot_fake_a_line_or_a_time(times: list[float], caption: str) -> None:
    line = prompt_line(times, caption)
    assert len(line.splitlines()) == 1
    assert re.findall(r"\[[\s,.0-9]*[0-9][\s,.0-9]*\]", line, re.ASCII) == [line.split("]")[0] + "]"]
    assert [float(t) for t in line.split("]")[0][1:].split(",")] == times


def test_plain_captions_are_untouched() -> None:
    assert prompt_line((12.0,), 'A sign reads "STOP" [sic].') == '[12] A sign reads "STOP" [sic].'
    assert prompt_line((3.0, 4.5), "[13] fake") == "[3,4.5] (13) fake"
    assert [json_number(t) for t in (12.0, 12.5)] == [12, 12.5]
