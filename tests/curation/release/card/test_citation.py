"""CITATION.cff and BibTeX: what makers state, in forms that their readers accept."""

import datetime
import re

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.dataset.licences import HUB_LICENCES, hub_licence, spdx_licence
from curation.release.card.citation import render_bibtex, render_citation
from schemas.configuration.config import ExportConfig
from schemas.release import ReleaseManifest

texts = st.text(min_size=1, max_size=60)


def manifest(title: str | None = None, licence: str | None = None) -> ReleaseManifest:
    return ReleaseManifest.model_construct(name="my-run.1", version="0.2.0", title=title, licence=licence)


def test_what_the_makers_state_is_cited() -> None:
    stated = ExportConfig(
        authors=("Ada Lovelace", "The Film Group"), date=datetime.date(2026, 12, 1), url="https://example.org/films"
    )
    cited = yaml.safe_load(render_citation(manifest("Films & more", "cc-by-4.0"), stated))
    assert (cited["title"], cited["version"], cited["type"]) == ("Films & more", "0.2.0", "dataset")
    assert cited["authors"] == [{"name": "Ada Lovelace"}, {"name": "The Film Group"}]
    assert (cited["date-released"], cited["license"]) == (datetime.date(2026, 12, 1), "CC-BY-4.0")
    assert cited["url"] == "https://example.org/films"
    assert cited["references"][0]["authors"][0]["family-names"] == "Hua"
    assert render_bibtex(manifest("Films & more_x"), stated) == (
        "@misc{myrun1,\n  title = {Films \\& more\\_x},\n  author = {{Ada Lovelace} and {The Film Group}},\n"
        "  year = {2026},\n  month = 12,\n  url = {https://example.org/films},\n  note = {Version 0.2.0}\n}"
    )


def test_nothing_is_made_up() -> None:
    cited = yaml.safe_load(render_citation(manifest(), ExportConfig()))
    assert cited.keys() == {"cff-version", "message", "type", "title", "version", "authors", "references"}
    assert (cited["title"], cited["authors"]) == ("my-run.1", [{"name": "The makers of my-run.1"}])


@given(texts, texts, texts)
@settings(deadline=None)
def test_any_statement_gives_a_readable_citation(title: str, author: str, licence: str) -> None:
    stated = ExportConfig(authors=(author,))
    cited = yaml.safe_load(render_citation(manifest(title, licence), stated))
    assert isinstance(cited["title"], str) and cited["title"] and cited["authors"][0]["name"]
    bibtex = render_bibtex(manifest(title, licence), stated)
    assert bibtex.count("{") == bibtex.count("}") and "`" not in bibtex and "\n\n" not in bibtex
    assert len(bibtex.splitlines()) == 5


def test_licences_of_the_hub_and_of_spdx() -> None:
    assert hub_licence(None) == {} and hub_licence("CC-BY-4.0") == {"license": "cc-by-4.0"}
    assert hub_licence("My own: v1\u202e!") == {"license": "other", "license_name": "my-own-v1"}
    assert hub_licence("https://a.b/l.txt")["license_link"] == "https://a.b/l.txt"
    assert (spdx_licence("cc-by-nc-sa-4.0"), spdx_licence("cc"), spdx_licence(None)) == ("CC-BY-NC-SA-4.0", None, None)


@given(texts)
def test_every_licence_gives_fields_that_the_hub_takes(stated: str) -> None:
    fields = hub_licence(stated)
    assert fields["license"] in HUB_LICENCES
    if "license_name" in fields:
        assert re.fullmatch(r"[a-z0-9.-]{1,80}", fields["license_name"])
