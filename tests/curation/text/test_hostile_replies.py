"""A real server that answers with what no store takes, and with megabytes: one bad reply spoils no other."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from aiohttp import web

from curation.ledger.ledger import Ledger
from curation.text.caption import caption_frames
from models.reply_cache import CachedModel
from schemas.configuration.config import CaptionConfig
from schemas.errors import TransientError
from tests.curation.scripted import make_frames, make_video, picture, prompt
from tests.models.odd_server import completion, odd_server
from tests.models.remote_models import remote

FRAMES = 6
ODD = 2  # the frame whose first reply is bad
CONFIG = CaptionConfig(max_failed=0.5)


def server_text(body: dict[str, Any], bad: str, always: bool) -> str:
    url = body["messages"][0]["content"][1]["image_url"]["url"]
    index = next(i for i in range(FRAMES) if json.dumps(url) == json.dumps(address(i)))
    first = body["temperature"] == 0
    return bad if index == ODD and (first or always) else f"A person cuts vegetables, step {'abcdef'[index]}."


def address(index: int) -> str:
    import base64

    return "data:image/jpeg;base64," + base64.b64encode(picture(index)).decode()


def captions(ledger: Ledger, bad: str, *, always: bool = False, **options: Any):
    async def chat(request: web.Request, body: dict[str, Any]) -> web.Response:
        return completion(request.headers["X-Request-Id"], server_text(body, bad, always))

    with odd_server(chat) as url, remote(url, seed=1, **options) as model:
        cached = CachedModel(model, ledger)
        return caption_frames(
            make_video(), make_frames([None] * FRAMES), picture, cached, prompt("Describe the picture."), CONFIG
        )


@pytest.mark.parametrize("bad", ["A \ud800 person.", "A person.\udfff", "A \x00 person."])
def test_half_a_surrogate_pair_is_asked_again_and_spoils_no_other_reply(ledger: Ledger, bad: str) -> None:
    made = captions(ledger, bad)
    assert len(made.captions) == FRAMES and not made.failed
    assert made.captions[ODD].effort.attempts == 2
    assert [caption.effort.attempts for caption in made.captions].count(1) == FRAMES - 1
    assert made.captions[ODD].text == "A person cuts vegetables, step c."


def test_a_frame_whose_replies_are_all_no_text_fails_alone(ledger: Ledger) -> None:
    made = captions(ledger, "A \ud800 person.", always=True)
    assert [failed.index for failed in made.failed] == [ODD]
    assert made.failed[0].reason == "broken_characters"
    assert made.canonical().encode()
    assert len(made.captions) == FRAMES - 1


def test_a_caption_of_a_million_characters_is_cut_at_the_edge(ledger: Ledger) -> None:
    began = time.monotonic()
    made = captions(ledger, "word " * 200_000, always=True)
    assert time.monotonic() - began < 10
    assert made.failed[0].reason.startswith("too_long: more than ")
    assert len(made.failed[0].raw) <= 2000
    assert len(made.captions) == FRAMES - 1


def test_a_reply_of_seven_megabytes_is_not_read_to_its_end(ledger: Ledger) -> None:
    """The server does not obey the request: the video is not to blame, and can be retried."""
    began = time.monotonic()
    with pytest.raises(TransientError, match=r"model_failed.*a reply of more than 2097152 bytes") as caught:
        captions(ledger, "word " * 1_400_000, always=True, retries=1)
    assert time.monotonic() - began < 10
    assert f"request {ODD + 1} of {FRAMES}" in caught.value.evidence
