"""Trivial videos and a model that answers at once, so that benchmarks measure only the machinery around them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from curation.ledger.entries import record_entry
from curation.ledger.stages import STAGES
from curation.ledger.standing import standing
from curation.pipeline.services import Services
from curation.video.encode import encode_video
from curation.workspace import Workspace
from models.chat import Arrived, Reply, Request
from schemas.configuration.config import CurateConfig
from schemas.configuration.loading import load_config
from schemas.records import Judgement, Origin, Source
from schemas.repository import ROOT


class Instant:
    """A chat model that answers at once: a caption, the fewest keyframes allowed, a sentence for every keyframe."""

    name = "instant"
    revision = "0" * 64
    context = 1_000_000
    batch = 64
    whole_batches = False

    @property
    def sampling(self) -> dict[str, float | int | str | bool | None]:
        """Parameters for the records; nothing is sampled."""
        return {"temperature": 0.0}

    def count_tokens(self, text: str) -> int:
        """The number of characters, as an upper bound of the tokens."""
        return len(text)

    def complete(self, requests: Sequence[Request], arrived: Arrived | None = None) -> list[Reply]:
        """Answer each request in the form of its schema."""
        return [Reply(self._answer(request), "stop", 1, 1) for request in requests]

    def _answer(self, request: Request) -> str:
        if request.schema is None:
            return f"A picture with hash {hashlib.sha256(request.image or b'').hexdigest()[:8]}."
        properties: dict[str, Any] = request.schema["properties"]
        if "keyframes" in properties:
            array = properties["keyframes"]
            return json.dumps({"keyframes": array["items"]["enum"][: max(1, array.get("minItems", 1))]})
        times = properties["sentences"]["items"]["properties"]["keyframes"]["items"]["enum"]
        return json.dumps({"sentences": [{"keyframes": times, "text": "Something is seen."}]})


def config(**run: Any) -> CurateConfig:
    """The demo's configuration with `run` in its run section, without duration filter, CLIP and binding audit."""
    # The instant model does not describe pictures: the binding audit would stop the run, the audit refuse its texts.
    open_gate = ["audit.refuse_below=null", "audit.review_below=null"]
    overrides = ["models.clip=null", "binding.mode=disable", "filters.duration.mode=score-only", "frames.cross_check=0"]
    base = load_config(ROOT / "configs" / "demo.yaml", [*overrides, *open_gate])
    return base.model_copy(update={"run": base.run.model_copy(update=run)})


def instant_services(root: Path) -> Services:
    """Services of a fresh workspace whose models are instant."""
    workspace = Workspace(root)
    return with_instant_models(Services(config(), workspace.ledger(), workspace.store()))


def with_instant_models(services: Services) -> Services:
    """Put the instant model in the place of both chat models, so that no real model is opened."""
    services.__dict__.update(captioner=Instant(), summarizer=Instant())
    return services


def trivial_sources(count: int) -> Iterable[Source]:
    """Sources with addresses that are never opened."""
    for number in range(count):
        uri = f"https://example.org/{number}"
        yield Source(id=f"v{number:06d}", kind="url", uri=uri, origin=Origin(list_name="bench", row=number + 1))


def trivial_videos(folder: Path, count: int, seconds: int = 2) -> Path:
    """Make a folder of `count` videos of 64 x 48 pixels with one picture per second; all pictures of all differ."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        encode_video(folder / f"{number:04d}.mp4", _pictures(number, seconds), fps=1, options={"preset": "ultrafast"})
    return folder


_HIGH, _WIDE = 36, 60  # sizes of rectangles that fit above the blocks


def _pictures(number: int, seconds: int) -> Iterator[np.ndarray[Any, np.dtype[np.uint8]]]:
    # Films that are alike would be set aside as duplicates: beyond the last rectangle a row of blocks counts on.
    more, shape = divmod(number, _HIGH * _WIDE)
    for second in range(seconds):
        picture = np.full((48, 64, 3), 128, np.uint8)
        for bit in range(more.bit_length()):
            picture[40:44, 4 * bit : 4 * bit + 4] = 255 * (more >> bit & 1)
        picture[: 4 + shape % _HIGH, : 4 + shape // _HIGH] = (number % 200, 200 - number % 150, 90 * second % 256)
        picture[44:, : 1 + second % 64] = (255, 255, 255 - 20 * (second // 64))
        yield picture


def write_finished(services: Services, ids: Sequence[str]) -> None:
    """Mark every stage of every video as done, with the expected fingerprint and a small record."""
    record = Judgement(scores=())
    for source in services.ledger.sources(ids):
        for stage in STAGES.names:
            where = standing(source, services.ledger.heads([source.id]).get(source.id, {}), services.hashes)
            services.ledger.write(record_entry(source.id, stage, where.fingerprints.done, record, 0.0), ())
