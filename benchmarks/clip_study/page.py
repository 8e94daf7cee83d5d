"""Writes the page of the study, docs/results/clips.md, from the figures alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.clip_study.curation import SIZES
from benchmarks.clip_study.figures import BASE
from benchmarks.saliency_study.page import interval, table
from demo.world import KINDS

IMAGE_TOKENS = (64, 256, 1024)  # of a picture, small to large models of vision and language
_OTHERS = [condition for condition in SIZES if condition != BASE]
_MEASURES = {"events": "events found", "f1": "keyframe F1"}


def page(found: Mapping[str, Any]) -> str:
    """The page in Markdown."""
    about, cost = found["about"], found["cost"]
    lines = [
        "# What clips add to single frames",
        "",
        "`python -m benchmarks clip_study --out docs/results` writes this page; "
        "[decision 0082](../decisions/0082-clips.md) says how clips are captioned.",
        "",
        f"{about['films']} films of the demo's world, {about['seconds'] / about['films']:.0f} s each in the mean, "
        "drawn without the marks that show an action in a single frame (speed lines, rays, outlines, holes): an object "
        "moves, fades in or out, or grows, and a still picture of it does not say which way. Signs can be read in any "
        "frame. Every second is captioned, near-identical ones too.",
        "",
        "Two copies of the demo's captioner were taught these films in the same way, one to read frames, one to read "
        f"clips of one to eight: {about['steps']:,} steps of 64 pictures (a third of them for the vision part alone), "
        "the same losses "
        f"({about['training']['frame']['cpu_seconds']:,} and {about['training']['clip']['cpu_seconds']:,} processor "
        "seconds). The real pipeline curates with `configs/demo.yaml` and each of them; the summarizer is the same.",
        "",
        "## What was found",
        "",
        "An event is found when the caption of one of its seconds names its object and its action. Keyframe F1 is held "
        "against all seconds in which an event is under way. Means over films, with the 95 % interval of a paired BCa "
        "bootstrap over films; a film without a sample counts as 0.",
        "",
        *table(
            ["", *SIZES],
            [[name, *(interval(found[key][one]) for one in SIZES)] for key, name in _MEASURES.items()]
            + [
                [f"**{name}: difference from frames**", "-", *(_gain(found, key, one) for one in _OTHERS)]
                for key, name in _MEASURES.items()
            ]
            + [
                [name, *(_share(found["counts"][one][key]) for one in SIZES)]
                for key, name in (
                    ("named", "seconds of events whose caption names the event"),
                    ("invented", "quiet seconds whose caption tells of an event"),
                    ("exact", "captions that are right to the letter"),
                )
            ]
            + [["films without a sample", *(str(len(found["faults"][one])) for one in SIZES)]],
        ),
        "",
        *(f"- {claim(found, one)}" for one in _OTHERS),
        f"- {control(found)}",
        f"- Without a sample: {_reasons(found['faults'])}.",
        "",
        "Events found, by kind:",
        "",
        *table(
            ["", *SIZES],
            [[kind, *(_share(found["kinds"][one][kind]) for one in SIZES)] for kind in KINDS],
        ),
        "",
        "## Cost",
        "",
        "For each caption, over the films with a sample. A clip shows the last picture of the clip before again, and "
        "its reply repeats the times; on the other hand its prompt is sent once. The demo's pictures have 16 tokens, "
        "and its prompt is a short one.",
        "",
        *table(
            ["", *SIZES],
            [
                [name, *(_cost(_each(found, one, key), _each(found, BASE, key)) for one in SIZES)]
                for key, name in (
                    ("pictures", "pictures shown"),
                    ("tokens_in", "prompt tokens"),
                    ("tokens_out", "written tokens"),
                )
            ]
            + [
                ["seconds of the caption stage, all films"]
                + [_cost(cost[one]["caption_seconds"], cost[BASE]["caption_seconds"]) for one in SIZES]
            ],
        ),
        "",
        f"With the prompts of the default recipe ({found['recipe']['frame']} tokens for a frame, "
        f"{found['recipe']['clip']} for a clip, counted by the demo's tokenizer, which cuts English into small "
        "pieces), prompt tokens for each captioned frame, by how many tokens a picture has:",
        "",
        *table(
            ["tokens of a picture", *SIZES],
            [[f"{tokens:,}", *(_recipe(found["recipe"], one, tokens) for one in SIZES)] for tokens in IMAGE_TOKENS],
        ),
        "",
        f"{equal(found)}",
        "",
        "## What this does not show",
        "",
        "- It is a toy world in which what happens is hidden from single frames on purpose. In films of people a "
        "single frame often tells the action; how often it does not is not measured here.",
        "- The models have a million parameters and were trained for it in minutes. To compare two pictures is what "
        "such a model learns last; the kinds of events above tell how far it came. Large models of vision and language "
        "were trained on pictures, and some on films; whether they gain from clips was not measured.",
        "- One run of training each, with one seed. The intervals are over films alone.",
        "",
    ]
    return "\n".join(lines)


def claim(found: Mapping[str, Any], condition: str) -> str:
    """What a condition is worth against frames, in a sentence."""
    told = []
    for key, name in _MEASURES.items():
        value, low, high = found[f"{key}_differences"][condition]
        verb = "**raise**" if low > 0 else "**lower**" if high < 0 else "are **not shown** to change"
        what = f"the share of {name}" if key == "events" else name
        told.append(f"{verb} {what}: {value:+.3f} ({low:+.3f} to {high:+.3f})")
    return f"{condition.capitalize()} {told[0]}; they {told[1]}."


def control(found: Mapping[str, Any]) -> str:
    """What the captioner of clips can do where a single frame tells everything."""
    signs = {one: found["kinds"][one]["sign"] for one in SIZES}
    read = ", ".join(f"{one} {hits} of {of}" for one, (hits, of) in signs.items())
    worse = min(signs[one][0] for one in _OTHERS) < signs[BASE][0]
    told = (
        "So a part of what clips lose here is lost because a model this small reads a longer request less well, and "
        "not because of what a clip shows."
        if worse
        else "So the captioner of clips reads as well as that of frames."
    )
    return f"**Control**: a sign can be read in any frame ({read}). {told}"


def equal(found: Mapping[str, Any]) -> str:
    """Which clips cost about as many tokens as frames, and what they find."""
    base = _tokens(found, BASE)
    nearest = min(_OTHERS, key=lambda one: abs(_tokens(found, one) - base))
    events, keyframes = (interval(found[f"{key}_differences"][nearest], sign=True) for key in _MEASURES)
    ratio = _tokens(found, nearest) / base
    return (
        f"At equal tokens: {nearest} come nearest to frames here, with {ratio:.2f} times their "
        f"tokens (read and written). The share of events found differs by {events}, keyframe F1 by {keyframes}."
    )


def _reasons(faults: Mapping[str, Sequence[str]]) -> str:
    """The reasons of the films without a sample, by condition."""
    told = [
        f"{condition}: " + ", ".join(f"{number} {reason}" for reason, number in Counter(reasons).items())
        for condition, reasons in faults.items()
        if reasons
    ]
    return "; ".join(told) or "no film"


def _each(found: Mapping[str, Any], condition: str, name: str) -> float:
    """A cost for each caption. Films without a sample are in neither number."""
    total, captions = found["cost"][condition][name], found["counts"][condition]["exact"][1]
    return float(total / max(1, captions))


def _tokens(found: Mapping[str, Any], condition: str) -> float:
    return _each(found, condition, "tokens_in") + _each(found, condition, "tokens_out")


def _gain(found: Mapping[str, Any], key: str, condition: str) -> str:
    return interval(found[f"{key}_differences"][condition], sign=True)


def _share(pair: Sequence[int]) -> str:
    hits, of = pair
    return f"{hits:,} of {of:,}" + (f" ({hits / of:.1%})" if of else "")


def _cost(value: float, base: float) -> str:
    return f"{value:.2f} ({value / base:.2f})" if base else f"{value:.2f}"


def _recipe(recipe: Mapping[str, int], condition: str, tokens: int) -> str:
    """Prompt tokens for each captioned frame: the prompt, the pictures with their names, and the one before."""
    size = SIZES[condition]
    if not size:
        return f"{recipe['frame'] + tokens:,}"
    return f"{(recipe['clip'] + (size + 1) * (tokens + recipe['name'])) / size:,.0f}"
