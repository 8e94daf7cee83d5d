"""The tokenizer keeps every text, and every word of the grammar is one token."""

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st


@pytest.fixture(scope="module")
def tokenizer() -> Iterator[Any]:
    from demo.tiny_models.tokenizer import build_tokenizer

    yield build_tokenizer(images=True)


def test_grammar_words_are_single_tokens(tokenizer: Any) -> None:
    from demo.tiny_models.tokenizer import check_vocabulary

    check_vocabulary(tokenizer)
    caption = "A red circle moves left, a blue star rests on the right, gray room."
    assert len(tokenizer(caption)["input_ids"]) == 9
    assert tokenizer.tokenize("[120]") == ["[", "1", "2", "0", "]"]


@given(st.text(max_size=60))
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_text_survives(tokenizer: Any, text: str) -> None:
    assert tokenizer.decode(tokenizer(text, split_special_tokens=True)["input_ids"]) == text


def test_chat_puts_text_before_the_image(tokenizer: Any) -> None:
    from demo.tiny_models.tokenizer import END

    content = [{"type": "text", "text": "Describe."}, {"type": "image"}]
    text = tokenizer.apply_chat_template(
        [{"role": "user", "content": content}], tokenize=False, add_generation_prompt=True
    )
    assert text == f"<|im_start|>user\nDescribe.<image>{END}\n<|im_start|>assistant\n"
