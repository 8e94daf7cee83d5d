"""Requests and replies as bytes: a body says exactly the request, and every reply is checked."""

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.chat import Reply, Request, Shown
from models.identity import RETRY_TEMPERATURE
from models.servers.wire import Writer, break_special_tokens, read_answer
from tests.models.remote_models import config

TOKENS = [
    *("<|im_start|>", "<|image_pad|>", "<|endoftext|>", "<｜User｜>", "<image>", "<video>", "<bos>", "<eos>", "<s>"),
    *("</s>", "<start_of_turn>", "<end_of_turn>", "[INST]", "[/INST]", "<<SYS>>", "<</SYS>>", "<pad>"),
    *("<fake_token_around_image>", "<end_of_utterance>", "<row_1_col_2>"),
]
KEY_BEFORE_CLIPS = "fc5c3c2f49563f1f66e4268778ea6bca6203277b8498debe1ef3ae93ee85106f"
OWN, OTHER = "v2x" + "0" * 29, "v2x" + "1" * 29


def writer(**options) -> Writer:
    return Writer(config("http://127.0.0.1:1/v1", **options), "tiny", "r1", {"temperature": 0.0})


@given(st.lists(st.one_of(st.sampled_from(TOKENS), st.text(max_size=5), st.sampled_from("<|>[]/")), max_size=8))
def test_no_special_token_survives(parts) -> None:
    text = "".join(parts)
    safe = break_special_tokens(text)
    assert not any(token in safe for token in TOKENS)
    assert safe.replace(" ", "") == text.replace(" ", "") and break_special_tokens(safe) == safe


@given(st.text(), st.one_of(st.none(), st.binary(min_size=1)), st.integers(1, 99), st.integers(0, 3), st.booleans())
def test_a_body_says_the_request(text, image, max_tokens, variant, constrained) -> None:
    schema = {"type": "object", "properties": {"a": {"enum": [1, 2.5]}}} if constrained else None
    body = json.loads(writer().body(Request(text, image, schema, max_tokens, variant)))
    (message,) = body["messages"]
    if image is None:
        assert message == {"role": "user", "content": break_special_tokens(text)}
    else:
        first, second = message["content"]  # text first: the prefix that a server computes once
        assert first == {"type": "text", "text": break_special_tokens(text)}
        head, _, data = second["image_url"]["url"].partition(",")
        assert head == "data:image/jpeg;base64" and base64.b64decode(data) == image
    assert (body["model"], body["max_tokens"], body["stream"]) == ("tiny", max_tokens, False)
    assert body["temperature"] == (RETRY_TEMPERATURE if variant else 0)
    assert ("seed" in body) == (variant > 0)
    if constrained:
        assert body["response_format"]["json_schema"] == {"name": "reply", "schema": schema, "strict": True}
    else:
        assert "response_format" not in body


@given(st.lists(st.tuples(st.text(max_size=9), st.binary(min_size=1)), min_size=1, max_size=4), st.booleans())
def test_the_pictures_of_a_clip_follow_their_names_in_order(parts, as_files) -> None:
    request = Request("Say", clip=tuple(Shown(name, image) for name, image in parts))
    urls = [f"file:///f/{number}.jpg" for number in range(len(parts))] if as_files else []
    (message,) = json.loads(writer().body(request, urls))["messages"]
    head, *rest = message["content"]
    assert head == {"type": "text", "text": "Say"} and len(rest) == 2 * len(parts)
    for number, (name, image) in enumerate(parts):
        text, picture = rest[2 * number : 2 * number + 2]
        assert text == {"type": "text", "text": break_special_tokens(name)}
        url = picture["image_url"]["url"]
        assert url == urls[number] if as_files else base64.b64decode(url.partition(",")[2]) == image


def test_a_clip_is_part_of_what_a_reply_is_kept_by() -> None:
    pictures = [Shown("[0]", b"1"), Shown("[1]", b"2"), Shown("[2]", b"1")]
    clips = [(), *((one,) for one in pictures), tuple(pictures[:2]), tuple(pictures[1::-1])]
    assert len({Request("a", clip=clip).key("m", "r", {}) for clip in clips}) == len(clips)
    assert Request("a").key("m", "r", {}) == KEY_BEFORE_CLIPS


def test_a_retry_samples_with_a_seed_of_its_own() -> None:
    requests = [Request("a", b"1", variant=1), Request("a", b"1", variant=2), Request("a", b"2", variant=1)]
    seeds = [json.loads(writer().body(request))["seed"] for request in requests]
    assert len(set(seeds)) == 3 and all(0 <= seed < 2**31 for seed in seeds)
    assert seeds == [json.loads(writer().body(request))["seed"] for request in requests]
    assert seeds[0] != json.loads(writer(seed=7).body(requests[0]))["seed"]


def document(**changes) -> bytes:
    choice = {"message": {"content": "text"}, "finish_reason": "stop"} | changes.pop("choice", {})
    return json.dumps({"id": f"chatcmpl-{OWN}", "model": "tiny", "choices": [choice]} | changes).encode()


@pytest.mark.parametrize(
    ("changes", "reply"),
    [
        ({"usage": {"prompt_tokens": 5, "completion_tokens": 6}}, Reply("text", "stop", 5, 6)),
        ({"usage": None}, Reply("text", "stop", 0, 0)),
        ({"usage": {"prompt_tokens": -1, "completion_tokens": "6"}}, Reply("text", "stop", 0, 0)),
        ({"choice": {"finish_reason": "length"}}, Reply("text", "length", 0, 0)),
        ({"choice": {"finish_reason": "length", "message": {"content": None}}}, Reply("", "length", 0, 0)),
        ({"choice": {"finish_reason": "content_filter"}}, Reply("finish_reason content_filter", "refused", 0, 0)),
        (
            {"choice": {"message": {"content": None, "refusal": "I will not"}}},
            Reply("the model refused: I will not", "refused", 0, 0),
        ),
        ({"id": "unrelated"}, Reply("text", "stop", 0, 0)),
        ({"model": "tiny-2026-01-31"}, Reply("text", "stop", 0, 0)),
    ],
)
def test_answers_are_read(changes, reply) -> None:
    assert read_answer(document(**changes), OWN, "tiny", 1000) == (reply, None)


@pytest.mark.parametrize(
    ("content", "text"),
    [("a \ud800 b", "a \ufffd b"), ("a\udc00", "a\ufffd"), ("\x00", "\ufffd"), ("\ud83d\ude00", "😀"), ("é😀", "é😀")],
)
def test_no_text_that_a_store_refuses_gets_in(content, text) -> None:
    """JSON may escape half of a surrogate pair; \u0000 is refused by PostgreSQL."""
    for finish in ("stop", "length"):
        body = document(choice={"message": {"content": content}, "finish_reason": finish})
        assert read_answer(body, OWN, "tiny", 1000) == (Reply(text, finish, 0, 0), None)
    raw = document(choice={"message": {"content": "a X b"}}).replace(b"X", b"\xed\xa0\x80")
    assert read_answer(raw, OWN, "tiny", 1000) == (Reply("a \ufffd b", "stop", 0, 0), None)
    refused = document(choice={"message": {"content": None, "refusal": content}})
    assert read_answer(refused, OWN, "tiny", 1000).reply == Reply(f"the model refused: {text}", "refused", 0, 0)
    odd = document(choice={"finish_reason": "\ud800"})
    assert read_answer(odd, OWN, "tiny", 1000).reply == Reply("finish_reason \ufffd", "refused", 0, 0)


def test_what_is_not_read_may_hold_anything() -> None:
    logprobs = {"content": [{"token": "\ud800", "logprob": -1e999, "bytes": [237], "top_logprobs": []}]}
    body = document(choice={"message": {"content": "text"}, "logprobs": logprobs}, system_fingerprint="\udfff")
    assert read_answer(body, OWN, "tiny", 1000) == (Reply("text", "stop", 0, 0), None)


def test_a_text_that_is_too_long_for_its_tokens_is_cut() -> None:
    body = document(choice={"message": {"content": "x" * 7_000_000}})
    assert read_answer(body, OWN, "tiny", 1000) == (Reply("x" * 1001, "length", 0, 0), None)
    whole = document(choice={"message": {"content": "x" * 1000}})
    assert read_answer(whole, OWN, "tiny", 1000) == (Reply("x" * 1000, "stop", 0, 0), None)


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (document(id=f"chatcmpl-{OTHER}"), "misrouted"),
        (document(model="tiny-large"), "bad_response"),
        (document(model=None), "bad_response"),
        (document(choices=[]), "bad_response"),
        (document(choice={"finish_reason": None}), "bad_response"),
        (document(choice={"finish_reason": ["stop"]}), "bad_response"),
        (document(choice={"message": None}), "bad_response"),
        (b"[" * 100_000, "bad_response"),
        (b"\xff\xfe", "bad_response"),
    ],
)
def test_bodies_that_are_no_answer(body, kind) -> None:
    reply, fault = read_answer(body, OWN, "tiny", 1000)
    assert reply is None and fault is not None and fault.kind == kind


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["choices", "message", "content", "model", "finish_reason", "id"]), inner)
    ),
    max_leaves=12,
)


@given(JSON)
def test_any_body_is_a_reply_or_a_fault(value) -> None:
    reply, fault = read_answer(json.dumps(value).encode(), OWN, "tiny", 1000)
    assert (reply is None) != (fault is None)
