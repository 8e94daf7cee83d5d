"""The reply cache: a run with stored replies equals a run without them."""

from collections.abc import Mapping, Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from models.chat import Arrived, ChatModel, Reply, Request
from models.reply_cache import CachedModel


class Memory(dict):
    """A reply store in memory."""

    def get_replies(self, keys: Sequence[str]) -> dict[str, Reply]:
        return {key: self[key] for key in keys if key in self}

    def put_replies(self, replies: Mapping[str, Reply], model: str) -> None:
        self.update(replies)


class Company:
    """A model whose replies name the whole call, as an engine's last bits may depend on it; counts its requests."""

    name, revision, context, batch = "company", "r1", 1000, 4

    def __init__(self, whole: bool, **sampling) -> None:
        self.whole_batches = whole
        self.sampling = sampling or {"temperature": 0.0, "seed": 0}
        self.asked = 0

    def count_tokens(self, text: str) -> int:
        return len(text)

    def complete(self, requests: Sequence[Request], arrived: Arrived | None = None) -> list[Reply]:
        self.asked += len(requests)
        company = "|".join(r.text for r in requests) if self.whole_batches else ""
        return [Reply(f"{r.text} {r.variant} in {company}", "stop", 1, 1) for r in requests]


REQUESTS = st.tuples(st.sampled_from("abc"), st.integers(0, 1)).map(lambda t: Request(t[0], variant=t[1]))
CALLS = st.lists(st.lists(REQUESTS, max_size=4), min_size=1, max_size=8)


@settings(max_examples=40)
@given(CALLS, st.booleans())
def test_a_run_with_stored_replies_equals_one_without(calls, whole) -> None:
    store, plain = Memory(), Company(whole)
    expected = [plain.complete(call) for call in calls]
    for _ in range(2):
        model = Company(whole)
        cached = CachedModel(model, store)
        assert [cached.complete(call) for call in calls] == expected
    assert model.asked == 0


@settings(max_examples=40)
@given(CALLS)
def test_single_replies_are_asked_once(calls) -> None:
    model = Company(False)
    cached = CachedModel(model, Memory())
    for call in calls:
        cached.complete(call)
    assert model.asked == len({request for call in calls for request in call})


@settings(max_examples=40)
@given(CALLS)
def test_a_reply_that_is_not_repeatable_is_never_reused(calls) -> None:
    store = Memory()
    model = Company(False, temperature=0.7, seed=None)
    for _ in range(2):
        for call in calls:
            CachedModel(model, store).complete(call)
    assert model.asked == 2 * sum(map(len, calls)) and not store


def test_other_weights_share_nothing() -> None:
    store = Memory()
    first, second = Company(False), Company(False)
    second.revision = "r2"
    for model in (first, second):
        CachedModel(model, store).complete([Request("a")])
    assert second.asked == 1


def test_it_has_the_properties_of_its_model() -> None:
    model = Company(True)
    cached = CachedModel(model, Memory())
    assert isinstance(cached, ChatModel)
    for property_ in ("name", "revision", "sampling", "context", "batch", "whole_batches"):
        assert getattr(cached, property_) == getattr(model, property_)
    assert cached.count_tokens("abc") == 3
