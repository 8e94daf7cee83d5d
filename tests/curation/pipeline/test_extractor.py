"""A trained summarizer as the extractor of a run: the stage, what its results depend on, and what makes them due."""

from __future__ import annotations

from pathlib import Path

from curation.pipeline.identities import identify_models
from curation.pipeline.needed_models import models_of
from curation.pipeline.process import Inputs
from curation.pipeline.settings import load_prompts, stage_hashes
from curation.pipeline.stage_functions import stage_function
from schemas.configuration.loading import load_config
from schemas.records import Extract
from schemas.repository import ROOT
from tests.curation.release.reconstruct.filmed import film, filmed
from tests.models.summarizers.trained_checkpoint import checkpoint

DEMO = ROOT / "configs" / "demo.yaml"


def test_the_stage_asks_the_trained_summarizer(tmp_path: Path) -> None:
    folder = checkpoint(tmp_path / "trained", "vtsum")
    path = film(tmp_path / "film.mp4", 1, 8).path
    with filmed(tmp_path, {"film": path}, "http://127.0.0.1:1", f"models.extractor.model={folder}") as (_, services):
        services.store.add("videos", path, "mp4", move=False)
        made = stage_function(services, "extract")(Inputs(next(iter(services.ledger.sources())), services.ledger))
        assert services.extractor is not None
        assert isinstance(made, Extract) and made.keyframes
        assert (made.maker.model, made.maker.revision) == ("trained", services.extractor.revision)
        assert services.meter.read().tokens_in == 0, "no language model was asked"


def test_only_the_choice_of_keyframes_is_made_anew(tmp_path: Path) -> None:
    folder = checkpoint(tmp_path / "trained", "vtsum")
    plain, config = load_config(DEMO), load_config(DEMO, [f"models.extractor.model={folder}"])
    assert models_of(("extract",), plain) == ("summarizer",)
    assert models_of(("extract",), config) == ("extractor",)
    before, after = (stage_hashes(c, load_prompts(c), identify_models(c.models)).results for c in (plain, config))
    assert {name for name in before if before[name] != after[name]} == {"extract"}
    checkpoint(folder, "vtsum", hidden_size=32)
    other = stage_hashes(config, load_prompts(config), identify_models(config.models)).results
    assert other["extract"] != after["extract"]


def test_another_language_model_makes_no_keyframes_due_beside_an_extractor(tmp_path: Path) -> None:
    folder = checkpoint(tmp_path / "trained", "vtsum")
    config = load_config(DEMO, [f"models.extractor.model={folder}"])
    models = config.models.model_copy(update={"summarizer": config.models.captioner})
    other = config.model_copy(update={"models": models})
    before, after = (stage_hashes(c, load_prompts(c), identify_models(c.models)).results for c in (config, other))
    assert {name for name in before if before[name] != after[name]} == {"refine"}
