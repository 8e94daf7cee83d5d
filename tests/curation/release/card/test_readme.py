"""The card: a header that the Hub takes, every figure and plot, and no text from outside that acts in it."""

import re
from pathlib import Path

import datasets
import pytest
import yaml
from huggingface_hub import DatasetCard
from markdown_it import MarkdownIt

from curation.dataset.licences import HUB_LICENCES
from schemas.instructions import ASK_V2T, ASK_V2V, ASK_V2VT
from tests.curation.release.card.released import HOSTILE, released

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("release-card")]


def card(folder: Path) -> DatasetCard:
    return DatasetCard((folder / "README.md").read_text(encoding="utf-8"))


def test_the_header_has_only_values_that_the_hub_knows(folder: Path) -> None:
    header = card(folder).data.to_dict()
    assert header["license"] == "cc-by-4.0" and header["pretty_name"] == "Films: the *best* <b>"
    assert all(re.fullmatch(r"[a-z]{2,3}", language) for language in header["language"])
    assert header["size_categories"] == ["n<1K"]
    assert set(header["task_categories"]) == {"video-text-to-text", "summarization"}
    names = [config["config_name"] for config in header["configs"]]
    assert names[0] == "default" and "full" in names and len(set(names)) == len(names)


@pytest.mark.parametrize(
    ("licence", "shown"), [("My own licence", "my-own-licence"), ("a: b\n---\nlicense: mit", "a-b-license-mit")]
)
def test_a_licence_that_the_hub_does_not_know_is_other_with_a_name(tmp_path: Path, licence: str, shown: str) -> None:
    settings = (f"export.licence={yaml.safe_dump(licence)}", f"export.title={yaml.safe_dump(HOSTILE)}")
    with released(tmp_path / "w", 3, *settings, judged=0) as folder:
        made = card(folder)
        assert set(datasets.load_dataset(str(folder), cache_dir=str(tmp_path))) <= {"train", "validation", "test"}
    header = made.data.to_dict()
    assert (header["license"], header["license_name"]) == ("other", shown) and "other" in HUB_LICENCES
    assert header["pretty_name"].startswith("x: y --- # <img")
    assert header["configs"][0]["config_name"] == "default"


def test_default_and_full_are_loaded_beside_the_plots_and_the_croissant(folder: Path, tmp_path: Path) -> None:
    for name in (None, "full"):
        loaded = datasets.load_dataset(str(folder), name, cache_dir=str(tmp_path))
        assert sum(part.num_rows for part in loaded.values()) == 40


def test_the_card_says_what_readers_ask_for(folder: Path) -> None:
    text = card(folder).text
    for ask in (ASK_V2V, ASK_V2T, ASK_V2VT):
        assert ask.removeprefix("<video>\n") in text
    for said in (
        "24 of 40 rows (60.0 %) were checked by no person",
        "2 annotators gave 32 verdicts",
        "The estimated label-error rate",
        "95 % interval",
        "Krippendorff's alpha",
        "| videos | 40 | 30,000 | **\u2260** \u221299.9 % |",
        "the mean of ratios",
        "16.39 %",
        "| ann | 16 | 16 | 0 | 0 |",
        "SHA-256",
        "tiny-vlm",
        "no legal advice",
        "author = {{Ada Lovelace} and {O Neill \\& sons}}",
    ):
        assert said in text, said


def test_names_in_code_are_as_they_are(folder: Path) -> None:
    source = (folder / "README.md").read_text(encoding="utf-8")
    assert "| `contact_sheet` |" in source and "\\_sheet" not in source


def test_every_plot_is_shown_with_its_words_and_every_link_leads_somewhere(folder: Path) -> None:
    tokens = [
        child for token in MarkdownIt().enable("table").parse(card(folder).text) for child in token.children or ()
    ]
    pictures = {str(token.attrs["src"]): token.content for token in tokens if token.type == "image"}
    assert pictures.keys() == {path.relative_to(folder).as_posix() for path in (folder / "plots").iterdir()}
    assert len(pictures) == 9 and all(len(words) > 40 for words in pictures.values())
    links = {str(token.attrs["href"]) for token in tokens if token.type == "link_open"}
    headings = {line.removeprefix("## ") for line in card(folder).text.splitlines() if line.startswith("## ")}
    anchors = {"#" + heading.lower().replace(" ", "-") for heading in headings}
    assert links <= anchors | {"https://arxiv.org/abs/2404.12353", "https://mlcommons.org/croissant"}


def test_hostile_texts_are_shown_and_do_nothing(folder: Path) -> None:
    html = MarkdownIt("commonmark", {"html": True}).enable("table").render(card(folder).text)
    assert "<script" not in html.lower() and "<img src=x" not in html and 'evil.example/p.png"' not in html
    assert html.count("<img") == 9 and "onerror" in html and "{{7*7}}" in html
    assert "\u202e" not in html and "\0" not in html
    assert len(re.findall(r"<h1>", html)) == 1
