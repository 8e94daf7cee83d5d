"""The table of stages agrees with itself, with the configuration and with the functions."""

from __future__ import annotations

import pytest

from curation.ledger.stages import EXPORT, LANES, POLICY, ROLES, SOURCE, STAGES, Stage
from curation.pipeline.settings import load_prompts, stage_hashes
from schemas.configuration.loading import load_config
from schemas.records import CaptionSet
from schemas.repository import ROOT
from tests.curation.samples import make_sample


def test_a_stage_needs_what_is_made_before_it() -> None:
    known = {"source", "listing"}
    for stage in STAGES.every:
        assert set(stage.needs) <= known
        assert stage.checks is None or stage.checks in known
        assert stage.lane in (None, *LANES) and stage.asks in (None, *ROLES)
        known.add(stage.name)
    assert not any(STAGES[name].needs and set(STAGES[name].needs) & STAGES.checks for name in STAGES.names)


def keys_of(stage: Stage) -> set[str]:
    return {*stage.keys, *stage.limits, *(key for key, _ in (*stage.later_keys, *stage.later_limits))}


@pytest.mark.parametrize("key", sorted({*POLICY, *(key for stage in STAGES.every for key in keys_of(stage))}))
def test_every_key_of_the_table_is_a_key_of_the_configuration(key: str) -> None:
    value: object = load_config(ROOT / "configs" / "demo.yaml")
    for part in key.split("."):
        assert part in type(value).model_fields, key  # type: ignore[attr-defined]
        value = getattr(value, part)


def test_every_stage_has_a_function_and_a_hash() -> None:
    from curation.pipeline.identities import identify_models
    from curation.pipeline.stage_functions import FUNCTIONS

    config = load_config(ROOT / "configs" / "demo.yaml")
    hashes = stage_hashes(config, load_prompts(config), identify_models(config.models))
    names = {stage.name for stage in STAGES.every}
    assert set(FUNCTIONS) == names == set(hashes.results)
    assert len(set(hashes.results.values())) == len(names) - 2, "`ocr`, `safety` and their filters have a switch each"


def test_later_stages_are_those_after() -> None:
    assert STAGES.later("audit") == (), "nothing is made from the result of a check"
    assert STAGES.later("extract") == ("refine", "audit", EXPORT)
    assert STAGES.later("ocr") == ("ocr-filter",), "the audit is due by itself, and counts until it is made again"
    assert STAGES.later("ocr-filter") == ()
    assert STAGES.later("safety") == ("safety-filter",) and STAGES.later("safety-filter") == ()
    assert STAGES.later("transcribe") == ("denoise", "extract", "refine", "audit", EXPORT), "captions stay"
    assert STAGES.places_of_rejection == (SOURCE, *(stage.name for stage in STAGES.every), EXPORT)


def test_an_optional_stage_is_there_only_where_it_is_on() -> None:
    optional = ("ocr", "ocr-filter", "safety", "safety-filter", "transcribe", "denoise")
    assert STAGES.optional == optional and "transcribe" not in STAGES.names
    assert tuple(stage.name for stage in STAGES.of(())) == STAGES.names
    assert STAGES.of(STAGES.optional) == STAGES.every
    assert [one.name for one in STAGES.of({"transcribe"})] == [
        one.name for one in STAGES.every if one.name not in {*optional} - {"transcribe"}
    ]
    assert STAGES.needs(STAGES["extract"], ()) == ("frames", "caption")
    assert STAGES.needs(STAGES["extract"], {"transcribe"}) == ("frames", "caption", "transcribe")
    assert STAGES.needs(STAGES["extract"], {"transcribe", "denoise"}) == STAGES["extract"].needs


def test_published_stages_are_the_parts_of_a_sample() -> None:
    sample = make_sample("v")
    assert len(STAGES.published) == len(type(sample).model_fields) - len({"source", "review", "scores"}) + len(
        {"filter", "ocr-filter", "safety-filter"}
    )
    assert set(STAGES.written_by_models) == {"caption", "extract", "refine"}
    assert STAGES.checked_with("caption") == ("caption", "binding")


def test_a_key_that_came_later_changes_no_hash_at_its_earlier_value() -> None:
    from curation.pipeline.identities import identify_models

    config = load_config(ROOT / "configs" / "demo.yaml")
    prompts, models = load_prompts(config), identify_models(config.models)
    stage = STAGES["caption"]

    def hash_with(*later: tuple[str, object]) -> str:
        STAGES.remove("toy")
        STAGES.add(Stage("toy", 1, ("frames",), CaptionSet, keys=stage.keys, later_keys=later))
        return stage_hashes(config, prompts, models).results["toy"]

    def limits_with(*later: tuple[str, object]) -> str:
        STAGES.remove("toy")
        STAGES.add(Stage("toy", 1, ("frames",), CaptionSet, limits=stage.limits, later_limits=later))
        return stage_hashes(config, prompts, models).limits["toy"]

    try:
        before = limits_with()
        assert limits_with(("caption.attempts", config.caption.attempts)) == before
        assert limits_with(("caption.attempts", config.caption.attempts + 1)) != before
        plain = hash_with()
        assert hash_with(("caption.max_failed", config.caption.max_failed)) == plain
        assert hash_with(("caption.max_failed", config.caption.max_failed / 2)) != plain
    finally:
        STAGES.remove("toy")
