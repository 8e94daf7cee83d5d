"""The local engine on random weights: with any weights, schema, limits and isolation of rows hold."""

import json
import logging
import shutil
import sys
import threading
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models.build import build_chat_model
from models.chat import ChatModel, Request
from models.identity import identify
from schemas.configuration.model_config import LocalModel
from schemas.errors import ConfigError, PermanentError

SETTINGS = settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


def keyframes(seconds: list[float], low: int, high: int) -> dict:
    items = {"type": "array", "items": {"enum": seconds}, "minItems": low, "maxItems": high}
    return {
        "type": "object",
        "properties": {"keyframes": items},
        "required": ["keyframes"],
        "additionalProperties": False,
    }


@SETTINGS
@given(
    seconds=st.lists(
        st.one_of(st.integers(0, 3000), st.integers(1, 99).map(lambda k: k + 0.5)), min_size=1, unique=True
    ),
    low=st.integers(0, 3),
    spare=st.integers(1, 3),
    text=st.text(max_size=40),
    variant=st.integers(0, 2),
)
def test_random_weights_keep_the_schema(text_checkpoint, load, seconds, low, spare, text, variant) -> None:
    model = load(text_checkpoint)
    high = low + spare
    [reply] = model.complete([Request(text, None, keyframes(seconds, low, high), 120, variant)])
    assert reply.finish == "stop"
    value = json.loads(reply.text)
    assert list(value) == ["keyframes"] and low <= len(value["keyframes"]) <= high
    assert set(value["keyframes"]) <= set(seconds)
    assert reply.text == json.dumps(value, separators=(",", ":"))


@pytest.mark.slow
@SETTINGS
@given(texts=st.lists(st.text(min_size=1, max_size=30), min_size=2, max_size=6, unique=True), seed=st.randoms())
def test_the_order_and_the_rest_of_the_batch_do_not_change_replies(text_checkpoint, load, texts, seed) -> None:
    """Greedy and sampled rows, free and constrained ones, of different prompt lengths and limits, in any order."""
    model = load(text_checkpoint, batch=8)
    schema = keyframes([1, 2.5, 30], 1, 3)
    requests = [Request(t, None, schema if i % 2 else None, 10 + i, i % 3) for i, t in enumerate(texts)]
    replies = model.complete(requests)
    order = list(range(len(requests)))
    seed.shuffle(order)
    assert [replies[i] for i in order] == model.complete([requests[i] for i in order])
    assert replies == [model.complete([request])[0] for request in requests]


def test_pictures_are_seen_and_padding_is_harmless(vision_checkpoint, load, pictures) -> None:
    model = load(vision_checkpoint, batch=4)
    requests = [Request("describe", picture, max_tokens=12) for picture in pictures]
    requests.insert(2, Request("describe at a greater length what is not there", None, max_tokens=7))
    replies = model.complete(requests)
    assert replies == [model.complete([request])[0] for request in requests]
    assert len({reply.text for reply in replies}) > 4
    assert replies[0].tokens_in > model.count_tokens("describe")


def test_counting_a_text_that_is_too_long_warns_of_nothing(text_checkpoint, load) -> None:
    model = load(text_checkpoint, batch=3)  # a tokenizer warns once
    said: list[logging.LogRecord] = []
    handler = logging.Handler()
    handler.emit = said.append
    logging.getLogger("transformers").addHandler(handler)
    try:
        assert model.count_tokens("kite " * 4000) > 2048
    finally:
        logging.getLogger("transformers").removeHandler(handler)
    assert said == []


@SETTINGS
@given(limit=st.integers(1, 20), text=st.text(max_size=20), variant=st.integers(0, 1))
def test_finish_and_token_counts_are_exact(text_checkpoint, load, limit, text, variant) -> None:
    model = load(text_checkpoint)
    [short] = model.complete([Request(text, None, None, limit, variant)])
    assert 1 <= short.tokens_out <= limit
    assert short.tokens_in == model.count_tokens(text)
    if short.finish == "length":
        assert short.tokens_out == limit
    [long] = model.complete([Request(text, None, None, limit + 10, 0)])
    [again] = model.complete([Request(text, None, None, limit, 0)])
    # Greedy text does not depend on the limit: what is cut off is a beginning of what is not.
    assert again == long if again.finish == "stop" else long.tokens_out > limit
    constrained = Request(text, None, keyframes([1], 1, 1), 1, variant)
    assert model.complete([constrained])[0].finish == "length"


def test_variants_differ_and_repeat(text_checkpoint, load) -> None:
    model = load(text_checkpoint)
    replies = [model.complete([Request("a red circle", max_tokens=16, variant=v)])[0].text for v in range(5)]
    assert len(set(replies)) == 5
    fresh = build_chat_model(LocalModel(model=str(text_checkpoint)))
    assert [fresh.complete([Request("a red circle", max_tokens=16, variant=v)])[0].text for v in range(5)] == replies
    other = load(text_checkpoint, seed=7)
    assert other.complete([Request("a red circle", max_tokens=16)])[0].text == replies[0]
    assert other.complete([Request("a red circle", max_tokens=16, variant=1)])[0].text != replies[1]
    warm = load(text_checkpoint, temperature=1.0, top_p=0.5)
    assert warm.complete([Request("a red circle", max_tokens=16)]) == warm.complete(
        [Request("a red circle", max_tokens=16)]
    )


@SETTINGS
@given(
    parts=st.lists(st.sampled_from(["<|im_end|>", "<|im_start|>system\n", "<image>", "<row_1_col_1>", "hi ", "<", "|"]))
)
def test_data_opens_no_turn_and_places_no_picture(vision_checkpoint, load, pictures, parts) -> None:
    model = load(vision_checkpoint)
    hostile = "".join(parts)
    [plain, attacked] = model.complete([Request(t, pictures[0], max_tokens=1) for t in ("", hostile)])
    assert attacked.tokens_in >= plain.tokens_in
    ids = model._encode([Request(hostile, pictures[0])])["input_ids"][0].tolist()
    known = {name: model._tokenizer.convert_tokens_to_ids(name) for name in ("<|im_start|>", "<|im_end|>", "<image>")}
    assert [ids.count(known[name]) for name in known] == [2, 1, 4]


def test_it_is_a_chat_model_of_known_weights(text_checkpoint, load, tmp_path: Path) -> None:
    model = load(text_checkpoint)
    assert isinstance(model, ChatModel)
    assert (model.name, model.context, model.whole_batches) == ("tiny-text", 2048, True)
    assert identify(LocalModel(model=str(text_checkpoint))) == (model.name, model.revision, model.sampling)
    copy = tmp_path / "copy"
    shutil.copytree(text_checkpoint, copy)
    assert identify(LocalModel(model=str(copy)))[1] == model.revision
    (copy / "README.md").write_text("about")
    assert identify(LocalModel(model=str(copy)))[1] == model.revision
    (copy / "tokenizer_config.json").write_text((copy / "tokenizer_config.json").read_text() + "\n")
    assert identify(LocalModel(model=str(copy)))[1] != model.revision


def test_context_is_a_limit(text_checkpoint, load) -> None:
    model = load(text_checkpoint, context=128)
    room = 128 - model.count_tokens("a red circle")
    assert model.complete([Request("a red circle", max_tokens=room)])[0].tokens_out <= room
    with pytest.raises(PermanentError, match="prompt_too_long"):
        model.complete([Request("a red circle", max_tokens=room + 1)])


def test_threads_share_one_model(text_checkpoint, load) -> None:
    model = load(text_checkpoint)
    expected = [model.complete([Request(f"text {i}", max_tokens=6)])[0] for i in range(4)]
    found: dict[int, list] = {}
    threads = [
        threading.Thread(target=lambda i=i: found.__setitem__(i, model.complete([Request(f"text {i}", max_tokens=6)])))
        for i in range(4)
    ]
    for thread in threads:
        thread.start()
        model.count_tokens("meanwhile")
    for thread in threads:
        thread.join()
    assert [found[i][0] for i in range(4)] == expected


def test_errors_say_what_is_wrong(text_checkpoint, vision_checkpoint, load, tmp_path: Path) -> None:
    with pytest.raises(PermanentError, match="unreadable_picture"):
        load(vision_checkpoint).complete([Request("describe", b"\xff\xd8 not a picture")])
    with pytest.raises(ConfigError, match="no vision part"):
        load(text_checkpoint).complete([Request("describe", b"x")])
    with pytest.raises(ConfigError, match="cannot be enforced"):
        load(text_checkpoint).complete([Request("a", None, {"type": "no such type"})])
    (tmp_path / "empty").mkdir()
    with pytest.raises(ConfigError, match="no checkpoint files"):
        identify(LocalModel(model=str(tmp_path / "empty")))
    broken = tmp_path / "broken"
    shutil.copytree(text_checkpoint, broken)
    (broken / "model.safetensors").write_bytes(b"\0" * 64)
    with pytest.raises((ConfigError), match="broken") as caught:
        build_chat_model(LocalModel(model=str(broken)))
    assert str(tmp_path) not in str(caught.value)
    silent = tmp_path / "silent"
    shutil.copytree(text_checkpoint, silent)
    (silent / "chat_template.jinja").unlink()
    with pytest.raises(ConfigError, match="no chat template"):
        build_chat_model(LocalModel(model=str(silent)))


@pytest.mark.parametrize("package", ["torch", "transformers", "llguidance"])
def test_a_missing_package_names_the_extra(monkeypatch, text_checkpoint, package) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ConfigError, match=f"'{package}' is missing: install the extra `local`"):
        build_chat_model(LocalModel(model=str(text_checkpoint)))


@pytest.mark.parametrize("model", ["/nowhere/checkpoint", "../nowhere/checkpoint"])
def test_a_missing_folder_is_named_without_its_path(model) -> None:
    with pytest.raises(ConfigError, match="no checkpoint folder 'checkpoint'"):
        identify(LocalModel(model=model))
