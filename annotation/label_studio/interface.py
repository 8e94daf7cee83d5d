"""The annotators' screen: Label Studio's XML and the guidelines as HTML, made from templates and `schemas.review`."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Final, NamedTuple, get_args

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markdown_it import MarkdownIt

from schemas.review import REASONS, Decision, KeyframeVerdict

_FOLDER = Path(__file__).parent


class Names(NamedTuple):
    """Names of the screen's tags and labels: the same in the XML, in predictions and in annotations.

    Every keyframe is a region over its caption; `marks` labels the region and `captions` holds its text. `region` is a
    prefix: a keyframe's position on the screen (0, 1, 2 ...) follows it in the region's id. So is `line`, of lines of
    the transcript: each is a region over a line of `spoken`, and `said` holds its text. The prefixes `frame`, `caption`
    and `judged` belong to the first version of the screen, whose annotations are still read.
    """

    video: str = "video"
    segments: str = "segments"
    script: str = "script"
    sync: str = "player"
    decision: str = "decision"
    reasons: str = "reasons"
    rating: str = "rating"
    summary: str = "summary"
    missed: str = "missed"
    comment: str = "comment"
    pictures: str = "pictures"
    marks: str = "marks"
    captions: str = "captions"
    region: str = "keyframe_"
    spoken: str = "spoken_0"
    said: str = "said_0"
    line: str = "line_"
    frame: str = "frame_"
    caption: str = "caption_"
    judged: str = "judged_"
    keyframe_label: str = "Keyframe"
    missed_label: str = "Missed keyframe"
    unjudged: str = "not judged"


NAMES: Final = Names()
DECISIONS: Final[tuple[Decision, ...]] = get_args(Decision)
JUDGEMENTS: Final[tuple[str, ...]] = tuple(
    word for part in get_args(KeyframeVerdict.model_fields["judged"].annotation) for word in get_args(part)
)
VERSION: Final = 2
# The key and the colour of every mark that a keyframe can have.
MARKS: Final = {
    "ok": ("o", "#2a9d8f"),
    "wrong": ("w", "#e63946"),
    "drop": ("d", "#7d5ba6"),
    NAMES.unjudged: ("n", "#adb5bd"),
}
_STYLES: Final = {
    "h1": "margin: 0 0 8px",
    "h2": "margin: 18px 0 6px",
    "p": "margin: 0 0 8px; line-height: 1.4",
    "ol": "list-style: decimal; padding-left: 24px; margin: 0 0 8px",
    "ul": "list-style: disc; padding-left: 24px; margin: 0 0 8px",
    "li": "margin: 0 0 4px",
    "th": "text-align: left; padding: 2px 16px 2px 0",
    "td": "padding: 2px 16px 2px 0; vertical-align: top",
    "code": "padding: 0 4px; border-radius: 3px; background: #8883",
}


def interface(*, spoken: bool = False) -> str:
    """The project's labelling configuration, as Label Studio's XML; `spoken`: with the transcripts of its samples."""
    return _render("interface.xml.jinja", spoken).strip()


def shows_speech(label_config: str) -> bool:
    """Whether a labelling configuration has the fields in which people see and correct transcripts."""
    return all(f'name="{_of_each(name)}"' in label_config for name in (NAMES.spoken, NAMES.said))


def shown(reason: str) -> str:
    """A reason's name (schemas.review.REASONS) as people read it: `missed event` for `missed_event`."""
    return reason.replace("_", " ")


def _of_each(name: str) -> str:
    """The name of a tag in a repeater whose first copy has this name."""
    return name.removesuffix("0") + "{{idx}}"


@cache
def _render(name: str, spoken: bool) -> str:
    environment = Environment(
        loader=FileSystemLoader(_FOLDER), autoescape=True, undefined=StrictUndefined, keep_trailing_newline=True
    )
    return environment.get_template(name).render(
        names=NAMES,
        spoken=spoken,
        of_each=_of_each,
        version=VERSION,
        decisions={decision: decision[0] for decision in DECISIONS},
        reasons=[shown(reason) for reason in REASONS],
        judgements=JUDGEMENTS,
        marks=MARKS,
    )


@cache
def guidelines_html(*, spoken: bool = False) -> str:
    """The annotators' guidelines as HTML; Label Studio shows it as the project's instruction before the first task.

    `spoken`: with a part about transcripts.
    """
    files = ("guidelines.md", "guidelines-speech.md") if spoken else ("guidelines.md",)
    text = "\n".join((_FOLDER / name).read_text(encoding="utf-8") for name in files)
    page = str(MarkdownIt("commonmark", {"html": False}).enable("table").render(text))
    for tag, style in _STYLES.items():  # Label Studio resets the style of every tag
        page = page.replace(f"<{tag}>", f'<{tag} style="{style}">')
    return page
