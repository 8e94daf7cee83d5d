"""Every parser of outside input, on examples of the list that benchmarks/fuzzing runs for minutes.

A failure names the parser and the example: `python -m benchmarks fuzzing --only NAME --example NUMBER` tries it again.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.fuzzing.all import PARSERS
from benchmarks.fuzzing.files import children
from benchmarks.fuzzing.parser import Crash, Parser, example, try_out

NUMBERS = st.integers(0, 2**32 - 1)


@pytest.fixture(scope="module", autouse=True)
def closed() -> Iterator[None]:
    """No thread of a child stays, which other tests would see."""
    yield
    children().close()


@pytest.mark.slow
@pytest.mark.parametrize("name", PARSERS)
def test_a_parser_gives_a_value_or_a_named_error(name: str) -> None:
    parser = PARSERS[name]

    @settings(max_examples=parser.examples, deadline=None, database=None)
    @given(NUMBERS)
    def read(number: int) -> None:
        try_out(parser, example(parser, number))

    read()


def test_every_parser_reads_one_of_its_seeds() -> None:
    """Examples of inputs that are refused at once would say nothing of what lies behind."""
    refused = [
        name for name, parser in PARSERS.items() if all(try_out(parser, seed) is not None for seed in parser.seeds)
    ]
    assert refused == []


def test_an_example_is_the_same_at_every_call_and_examples_differ() -> None:
    parser = PARSERS["list of sources: csv"]
    assert example(parser, 3) == example(parser, 3)
    assert len({example(parser, number) for number in range(50)}) > 30


def test_a_parser_that_breaks_its_contract_is_seen() -> None:
    for wrong in (int, lambda text: text.encode(), lambda _text: (item for item in iter(int, 1))):
        parser = Parser("wrong", lambda data, _folder, wrong=wrong: wrong(data.decode("latin-1") + "\ud800"), (b"x",))
        with pytest.raises(Crash):
            try_out(parser, b"x")
