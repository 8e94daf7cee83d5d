"""Several models that take turns as annotators: what is asked, what results depend on, and what is refused."""

from __future__ import annotations

import hashlib
from contextlib import closing
from pathlib import Path

import pytest

from curation.ledger.ledger import Ledger
from curation.pipeline.identities import identify_models, known_identities, note_identities
from curation.pipeline.needed_models import models_of
from curation.pipeline.open_files import wanted_files
from curation.pipeline.process import Inputs
from curation.pipeline.services import Services
from curation.pipeline.settings import columns_of, load_prompts, stage_hashes
from curation.pipeline.stage_functions import stage_function
from curation.pipeline.turns import places
from curation.store.store import Store
from schemas.configuration.config import CurateConfig
from schemas.configuration.loading import load_config
from schemas.configuration.model_config import LocalModel
from schemas.errors import ConfigError, ServerGone
from schemas.records import Extract
from schemas.repository import ROOT
from tests.curation.finished import finished
from tests.curation.samples import make_sample

DEMO = ROOT / "configs" / "demo.yaml"
SUMMARIZER = ROOT / "data" / "demo" / "summarizer"
GONE = "{engine: openai, model: m, base_urls: [http://127.0.0.1:9/v1], patience: 0, retries: 0}"


def config(annotators: int, *models: str) -> CurateConfig:
    return load_config(DEMO, [f"extract.annotators={annotators}", f"models.annotators=[{', '.join(models)}]"])


def local(**changed: object) -> str:
    return f"{{model: {SUMMARIZER}, {', '.join(f'{name}: {value}' for name, value in changed.items())}}}"


def hashes(of: CurateConfig) -> dict[str, str]:
    return dict(stage_hashes(of, load_prompts(of), identify_models(of.models)).results)


def test_real_models_take_turns_and_are_asked_once_only(tmp_path: Path) -> None:
    settings = ("extract.annotators=3", f"models.annotators=[{local(temperature=1.5, seed=4)}]")
    with finished(tmp_path / "w", [make_sample("a")], *settings) as (_, services):
        inputs = Inputs(next(iter(services.ledger.sources())), services.ledger)
        first = stage_function(services, "extract")(inputs)
        assert isinstance(first, Extract) and len(first.choices) == 3
        makers = [choice.maker for choice in first.choices]
        assert all(maker is not None and maker.model == "summarizer" for maker in makers) and makers[0] == makers[2]
        assert [maker.sampling["temperature"] for maker in makers if maker] == [0.0, 1.5, 0.0]
        assert first.maker == makers[0], "the stage's own maker is the first of all"
        asked = services.meter.read()
        assert stage_function(services, "extract")(inputs) == first
        again = services.meter.read()
        assert again.tokens_in == asked.tokens_in and again.cached > asked.cached, "every reply was kept"


def test_only_the_choice_of_keyframes_depends_on_them() -> None:
    one, two = config(3), config(3, local(temperature=1))
    assert {name for name in hashes(one) if hashes(one)[name] != hashes(two)[name]} == {"extract"}
    assert hashes(two)["extract"] != hashes(config(3, local(temperature=2)))["extract"]
    assert hashes(two) == hashes(config(3, local(temperature=1, batch=3))), "how fast it is asked changes nothing"
    assert columns_of(two)._asdict() == columns_of(one)._asdict() | {"models": True}


def test_without_them_every_hash_and_noted_identity_is_as_it_was(tmp_path: Path) -> None:
    plain = load_config(DEMO)
    before = {"extractor", "transcriber", "annotators", "reader", "faces", "nudity"}  # keys that came later
    key = hashlib.sha256(plain.models.model_dump_json(exclude=before).encode()).hexdigest()
    with closing(Ledger(f"sqlite:///{tmp_path / 'l.sqlite'}")) as ledger:
        note_identities(ledger, plain.models)
        noted = ledger.identities(key)
        assert noted is not None
        ledger.note_identities(key, noted.replace(',"annotators":[]', "").replace('"annotators":[],', ""))
        assert known_identities(ledger, plain.models) == identify_models(plain.models), "noted by an older version"


def test_the_models_of_the_stage() -> None:
    several = config(2, local(temperature=1))
    assert models_of(("extract",), several) == ("summarizer", "annotators")
    assert models_of(("refine",), several) == ("summarizer", "embedder")
    served = "{engine: openai, model: m, base_urls: ['http://127.0.0.1:9/v1'], concurrency: {start: 3, max: 7}}"
    assert places("extract", config(2, served)) == 1, "the summarizer in this process runs one batch at a time"
    both = load_config(
        DEMO, ["extract.annotators=2", f"models.summarizer={served}", f"models.annotators=[{local(seed=1)}]"]
    )
    assert places("extract", both) == 1 < places("refine", both)
    assert wanted_files(config(2, served)) == wanted_files(config(2)) + 7


def test_a_model_that_is_configured_twice_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"models\.annotators\.0 is models\.summarizer again"):
        identify_models(config(2, local()).models)
    with pytest.raises(ConfigError, match=r"models\.annotators\.2 is models\.annotators\.0 again"):
        identify_models(config(4, local(temperature=1), local(temperature=2), local(temperature=1)).models)
    with pytest.raises(ConfigError, match=r"models\.annotators\.0 is models\.summarizer again.*without seed and top_p"):
        identify_models(config(2, local(seed=1)).models)
    assert (
        len(identify_models(config(3, local(temperature=1, seed=1), local(temperature=1, seed=2)).models).annotators)
        == 2
    )


def test_models_that_nobody_would_ask_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"models\.summarizer is one more: set extract\.annotators to 3 or above"):
        config(2, local(seed=1), local(seed=2))
    with pytest.raises(ConfigError, match=r"models\.annotators\.0\.model"):
        config(2, "{model: ./nowhere}")
    with pytest.raises(ConfigError, match=r"models\.annotators\.1.*unknown key.*did you mean 'temperature'"):
        config(3, local(seed=1), local(temprature=2))


def test_a_relative_checkpoint_lies_beside_the_configuration(tmp_path: Path) -> None:
    (tmp_path / "mine").symlink_to(SUMMARIZER)
    path = tmp_path / "run.yaml"
    path.write_text(
        f"name: a\nextract: {{annotators: 2}}\nmodels: {{captioner: {{model: {SUMMARIZER}}}, "
        f"summarizer: {{model: {SUMMARIZER}}}, annotators: [{{model: ./mine, seed: 3}}]}}\n"
    )
    (model,) = load_config(path).models.annotators
    assert isinstance(model, LocalModel) and model.model == str((tmp_path / "mine").resolve())


def test_a_server_or_a_checkpoint_that_is_not_there_stops_before_any_video(tmp_path: Path) -> None:
    with (
        closing(Ledger(f"sqlite:///{tmp_path / 'l.sqlite'}")) as ledger,
        Services(config(2, GONE), ledger, Store(tmp_path / "store")) as services,
        pytest.raises(ServerGone, match=r"annotators\.0"),
    ):
        services.open_models({"extract"})
    with pytest.raises(ConfigError, match=r"models\.annotators\.0: no checkpoint files"):
        identify_models(config(2, f"{{model: {tmp_path}}}").models)
