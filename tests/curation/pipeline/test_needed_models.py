"""Only the models that a due stage asks are built; one that cannot be built stops the run before any video."""

from __future__ import annotations

from dataclasses import replace

import pytest

from curation.ledger.ledger import Ledger
from curation.ledger.stages import STAGES
from curation.ledger.standing import stages_ahead
from curation.pipeline.identities import identify_models
from curation.pipeline.needed_models import models_of, whole_model
from schemas.configuration.loading import load_config
from schemas.configuration.model_config import TransformersClip
from schemas.errors import ConfigError, Interrupted, MachineTrouble
from schemas.repository import ROOT
from tests.curation.hashes import HASHES, changed
from tests.curation.scripted_stages import Works, run_all, sources

CONFIG = load_config(ROOT / "configs" / "demo.yaml", ())


def ahead(ledger: Ledger, hashes: object = HASHES) -> frozenset[str]:
    found: set[str] = set()
    for source in ledger.sources():
        found |= stages_ahead(source, ledger.heads([source.id]).get(source.id, {}), hashes)  # type: ignore[arg-type]
    return frozenset(found)


def test_the_stages_ahead_of_a_video(ledger: Ledger) -> None:
    ids = ledger.register(sources(2))
    assert ahead(ledger) == set(STAGES.names)
    run_all(ledger, ids, Works())
    assert ahead(ledger) == set()
    assert ahead(ledger, changed("refine")) == {"refine", "audit"}
    assert ahead(ledger, changed("binding")) == {"binding"}, "a check changes no other stage"
    both = replace(HASHES, results={**HASHES.results, **{s: changed(s).results[s] for s in ("binding", "audit")}})
    assert ahead(ledger, both) == {"binding", "audit"}


def test_models_by_stage() -> None:
    assert models_of(STAGES.names, CONFIG) == ("captioner", "summarizer", "embedder", "clip")
    assert models_of((), CONFIG) == ()
    assert models_of(("download", "filter", "frames"), CONFIG) == ()
    assert models_of(("refine",), CONFIG) == ("summarizer", "embedder")
    off = load_config(ROOT / "configs" / "demo.yaml", ["binding.mode=disable", "audit.mode=disable"])
    assert models_of(("binding", "audit"), off) == ()


@pytest.mark.parametrize(
    "error", [ImportError("cannot import name 'x'"), MemoryError(), AttributeError("y"), OSError(24)]
)
def test_a_model_that_cannot_be_built_stops_the_run(error: Exception) -> None:
    with (
        pytest.raises(MachineTrouble, match=r"models.clip cannot be loaded \(.*No video was charged"),
        whole_model("clip"),
    ):
        raise error


@pytest.mark.parametrize("error", [ConfigError("no checkpoint"), Interrupted("stop")])
def test_errors_with_a_meaning_keep_it(error: Exception) -> None:
    with pytest.raises(type(error)), whole_model("clip"):
        raise error


def test_a_checkpoint_that_is_missing_is_named_with_its_key() -> None:
    clip = TransformersClip(engine="transformers", model="/none/clip")
    with pytest.raises(ConfigError, match=r"^models\.clip: .*v2xum doctor"):
        identify_models(CONFIG.models.model_copy(update={"clip": clip}))
