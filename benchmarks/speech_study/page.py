"""Writes the page of the study, docs/results/speech.md, and its plot, from the figures alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.saliency_study.page import interval, table
from benchmarks.speech_study.figures import GOAL, GOAL_COST

_CONDITIONS = {
    "off": "without transcripts",
    "on": "with transcripts",
    "exchanged": "with the lines of another film, at the times of its own",
}
_KINDS = {
    "shown": "seconds that show an event",
    "said": "seconds at which an event is only said",
    "chatter": "seconds at which something of no importance is said",
    "other": "other seconds, of all that were chosen",
}
_INKS = {"on - off": "#0b6e4f", "on - exchanged": "#3b5b92", "exchanged - off": "#c1440e"}


def page(found: Mapping[str, Any]) -> str:
    """The page in Markdown."""
    about, recipe = found["about"], found["recipe"]
    lines = [
        "# What transcripts add",
        "",
        "`python -m benchmarks speech_study --out docs/results` writes this page; "
        "[decision 0080](../decisions/0080-the-world-speaks.md) says what is measured.",
        "",
        f"{about['films']} films of the demo's world, {about['seconds'] / about['films']:.0f} s each in the mean, with "
        f"a narrator who says {about['lines'] / about['films']:.1f} lines in each while the picture rests. About half "
        "of these lines tell of an event that no picture shows; the truth counts it. The films lie on a local web "
        "site. yt-dlp brings them and their subtitles, `transcribe.mode: publisher` reads those, and the real pipeline "
        "curates with `configs/demo.yaml`.",
        "",
        "The summarizer is the demo's, taught for this study to read the block of what is said: "
        f"{about['steps']} further steps on other scripts. Of held-out requests it answers "
        f"{about['training']['told_extraction']:.1%} of the extractions and "
        f"{about['training']['told_refinement']:.1%} of the refinements without any mistake. All conditions have the "
        "same checkpoint.",
        "",
        "## Keyframe F1 against the scripts",
        "",
        "Mean over films; 95 % interval of a paired BCa bootstrap over films. A film without a sample counts as 0.",
        "",
        "![The differences of the mean keyframe F1 with their intervals](speech.svg)",
        "",
        *table(
            ["", *_CONDITIONS.values()],
            [
                ["F1", *(interval(found["f1"][name]) for name in _CONDITIONS)],
                *(
                    [what, *(_share(found["chosen"][name][kind]) for name in _CONDITIONS)]
                    for kind, what in _KINDS.items()
                ),
                ["films without a sample", *(str(len(found["faults"][name])) for name in _CONDITIONS)],
            ],
        ),
        "",
        *table(
            ["difference", "F1", "films in which it is higher / lower"],
            [
                [f"**{name}**", interval(ends, sign=True), "{} / {}".format(*found["better"][name])]
                for name, ends in found["differences"].items()
            ],
        ),
        "",
        f"- {_claim(found['differences']['on - off'])}",
        f"- {_control(found['differences'])}",
        "",
        "## Cost",
        "",
        "Curating all films in one process, one stage after the other, models loaded before: from the download to the "
        f"audit. The goal is a ratio of at most {GOAL_COST:g}; it is told, not required. Frames and captions are the "
        "same work in both: how far their times differ is what the machine's other work does to wall times. CPU times "
        "tell more.",
        "",
        *table(
            ["round", "wall, off", "wall, on", "ratio", "CPU, off", "CPU, on", "ratio"],
            [
                [str(number + 1), *_ratio(wall), *_ratio(cpu)]
                for number, (wall, cpu) in enumerate(zip(found["cost"]["wall"], found["cost"]["cpu"], strict=True))
            ],
        ),
        "",
        f"With transcripts {found['chosen']['on']['other'][1]} keyframes were chosen instead of "
        f"{found['chosen']['off']['other'][1]}, and each is rewritten. By stage, wall seconds of the first round:",
        "",
        *table(
            ["", *found["stages"]["on"]],
            [
                [name, *(f"{times[stage]:.1f}" if stage in times else "-" for stage in found["stages"]["on"])]
                for name, times in found["stages"].items()
            ],
        ),
        "",
        f"{_before(found['stages'])}",
        "",
        "The demo's summarizer reads four captions in a request, so that the prompt which introduces what is said "
        "comes with most of its requests. For this study that prompt is one token, as every phrase of the demo's "
        "grammar is: "
        f"prompts of extraction and refinement had {found['tokens']['off'][0]:,} tokens off and "
        f"{found['tokens']['on'][0]:,} on. In the default recipe a request has a whole video: for one of "
        f"{recipe['seconds']} s with {recipe['lines']} lines {recipe['off']:,} tokens off and {recipe['on']:,} on "
        f"({recipe['on'] / recipe['off']:.2f} times; {recipe['fixed']} of them introduce what is said), counted by the "
        "demo's tokenizer, which cuts English into small pieces.",
        "",
        "## What this does not show",
        "",
        "- It is a toy world: 210 sentences about thirty objects, each spoken at the second at which "
        "it matters. Real narrators speak before and after what they tell of, and of much else.",
        "- The model was trained for it. A model of a real run has a prompt alone; whether it makes use of transcripts "
        "was not measured.",
        "- The subtitles are those of a publisher who makes no mistake. Automatic ones with errors, and speech "
        "recognition, are not in it.",
        "- A film cuts to another picture when the narrator speaks. One second of each picture is offered, so what is "
        "said over a picture that lasts has no keyframe of its own.",
        "- Summaries tell what pictures show; the prompt forbids more. What is only said is in the keyframes and in "
        "the column `transcript`, and not in the text.",
        "",
    ]
    return "\n".join(lines)


def plot(found: Mapping[str, Any]) -> str:
    """The paired differences of F1 with their intervals, as SVG."""
    rows = found["differences"]
    ends = [end for one in rows.values() for end in one]
    low, high = float(min(-0.05, *ends)), float(max(GOAL + 0.05, *ends))
    left, top, width, step = 150, 44, 420, 44
    bottom = top + step * len(rows)

    def x(value: float) -> float:
        return left + width * (value - low) / (high - low)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {left + width + 30} {bottom + 50}" role="img" '
        'font-family="sans-serif" font-size="12">',
        "<title>Differences of the mean keyframe F1, with 95 % intervals</title>",
        '<rect width="100%" height="100%" fill="#fff"/>',
    ]
    for value, name in ((0.0, "0"), (GOAL, f"goal {GOAL:g}")):
        parts.append(f'<path d="M{x(value):.1f} {top - 12}V{bottom}" stroke="#999" stroke-dasharray="3 3"/>')
        parts.append(f'<text x="{x(value):.1f}" y="{top - 18}" text-anchor="middle">{name}</text>')
    for place, (name, (value, least, most)) in enumerate(rows.items()):
        y, ink = top + step * (place + 0.5), _INKS[name]
        parts.append(f'<text x="{left - 12}" y="{y + 4:.0f}" text-anchor="end">{name}</text>')
        parts.append(f'<path d="M{x(least):.1f} {y:.0f}H{x(most):.1f}" stroke="{ink}" stroke-width="4"/>')
        parts.append(f'<circle cx="{x(value):.1f}" cy="{y:.0f}" r="6" fill="{ink}"/>')
        parts.append(f'<text x="{x(value):.1f}" y="{y - 12:.0f}" text-anchor="middle">{value:+.3f}</text>')
    parts.append(f'<text x="{left + width / 2}" y="{bottom + 30}" text-anchor="middle">difference of mean F1</text>')
    return "\n".join([*parts, "</svg>", ""])


def _claim(ends: Sequence[float]) -> str:
    value, low, high = ends
    said = interval(ends, sign=True)
    if high < 0:
        return f"Transcripts **take** keyframe F1 away here: {said}."
    if low <= 0:
        return f"That transcripts add keyframe F1 is **not shown**: {said}."
    goal = "reached" if value >= GOAL else "not reached"
    return f"Transcripts **add** keyframe F1 here: {said}. The goal, {GOAL:.2f} with an interval above zero, is {goal}."


def _control(differences: Mapping[str, Sequence[float]]) -> str:
    said = interval(differences["on - exchanged"], sign=True)
    told = (
        "comes from **what** is said"
        if differences["on - exchanged"][1] > 0
        else "is **not shown** to come from what is said"
    )
    rest = interval(differences["exchanged - off"], sign=True)
    return (
        f"The gain {told}: against lines of another film at the same times it is {said}. That somebody speaks at all, "
        f"whatever it is, changes F1 by {rest}."
    )


def _ratio(pair: Sequence[float]) -> list[str]:
    off, on = pair
    return [f"{off:.1f} s", f"{on:.1f} s", f"{on / off:.3f}"]


def _before(stages: Mapping[str, Mapping[str, float]]) -> str:
    """What the stages take whose work does not grow with the keyframes."""
    off, on = (sum(of for name, of in stages[one].items() if name not in ("refine", "audit")) for one in ("off", "on"))
    return (
        f"The work of `refine` and `audit` grows with the keyframes. All other stages take {off:.1f} s off and "
        f"{on:.1f} s on, a ratio of {on / off:.3f}."
    )


def _share(pair: Sequence[int]) -> str:
    hits, of = pair
    return f"{hits} of {of}" + (f" ({hits / of:.1%})" if of else "")
