"""Writes the page of the study, docs/results/saliency.md, and its plot, from the figures alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.saliency_study.figures import COSTS, ERRORS, FIRST, LEAST_F1
from benchmarks.saliency_study.films import MOST_LOST
from benchmarks.saliency_study.prefix_cache import BLOCK

_COLOURS = ("#0b6e4f", "#c1440e", "#3b5b92", "#8a4f9e")
_ROWS = {
    "first": "the first annotator's choice",
    "each": "one annotator's choice, the mean of the annotators",
    "consensus": "the consensus",
    "saliency": "the saliency",
}


def page(found: Mapping[str, Any]) -> str:
    """The page in Markdown."""
    about, conditions = found["about"], found["conditions"]
    lines = [
        "# What several annotators are worth",
        "",
        "`python -m benchmarks saliency_study --out docs/results` writes this page; "
        "decisions [0077](../decisions/0077-several-model-annotators.md) and "
        "[0083](../decisions/0083-several-models-as-annotators.md) say what is measured.",
        "",
        f"{about['films']} scripts of the demo's world, 40 s each, whose captions lost between 0 and {MOST_LOST:.0%} "
        "of their words, each film another share. (With whole captions the demo's summarizer makes no mistake, and "
        f"there is nothing to gain.) The extractive stage asks {about['annotators']} annotators as in a curation, with "
        "`configs/demo.yaml`. Of one model at temperature 0 the first annotator gives its likeliest answer, and the "
        "others are sampled at 0.7; at a higher temperature all are sampled. Of five models each gives its likeliest "
        "answer: the demo's summarizer is the first, and the others were trained alike from other seeds. Tiny models "
        "of one world: others may do better or worse.",
        "",
        "## Saliency against the truth",
        "",
        "Kendall's tau-b with the seconds that matter by the script, mean over films, 95 % interval of a paired "
        "bootstrap over films.",
        "",
        *table(
            ["", *conditions],
            [[_ROWS[row], *(interval(one["tau"][row]) for one in conditions.values())] for row in _ROWS]
            + [
                [f"**{name}**", *(interval(one["tau_differences"][name], sign=True) for one in conditions.values())]
                for name in next(iter(conditions.values()))["tau_differences"]
            ]
            + [
                ["saliency - the first choice at temperature 0"]
                + [interval(one["over_likeliest"], sign=True) for one in conditions.values()],
                ["F1 of the consensus - the first choice"]
                + [interval(one["f1_difference"], sign=True) for one in conditions.values()],
                ["tau of the annotators, one by one"]
                + [", ".join(map(_tau, one["one_by_one"])) for one in conditions.values()],
                ["films in which saliency is above / below the first choice"]
                + [
                    f"{o['higher']['higher']} / {o['higher']['lower']} of {o['higher']['films']}"
                    for o in conditions.values()
                ],
            ],
        ),
        "",
        *(f"- {name.capitalize()}: {_claim(one)}" for name, one in conditions.items()),
        "",
        "Tau-b favours a choice: scores of several levels cannot reach 1 against zeros and ones, a choice can. A mean "
        "of annotators can help where each errs for itself, and not where one model is sure and wrong, which it can be "
        "where captions lost the words that matter.",
        "",
        "## Does self-agreement tell what people reject?",
        "",
        "Simulated people judge every keyframe and every missing one, each decision wrong with the chance "
        f"{ERRORS:g}. They reject a sample where the F1 of what is shown and what would be right is below "
        f"{LEAST_F1:g}. "
        "Verdicts of real people are not in it yet.",
        "",
        "![The share of rejected samples by self-agreement, with 95 % intervals](saliency.svg)",
        "",
        *table(
            ["self-agreement", *(f"rejected, {name}" for name in conditions)],
            [
                [_range(group), *(_group(one["calibration"]["groups"][place]) for one in conditions.values())]
                for place, group in enumerate(next(iter(conditions.values()))["calibration"]["groups"])
            ],
        ),
        "",
        *(f"- {name.capitalize()}: {_predicts(one['calibration'])}" for name, one in conditions.items()),
        "",
        "Annotators of one model share its mistakes: where captions mislead it, all may agree on the wrong seconds, "
        "and models that were trained alike share some too. So high agreement is no reason to skip a review, and the "
        "random stratum of a review stays as it is.",
        "",
        "## Cost",
        "",
        f"Tokens of all films: of the first annotator, and of all {about['annotators']}. `computed`: the prompt tokens "
        f"that a server computes that keeps the prompts of a film in blocks of {BLOCK} tokens, as vLLM does; each "
        "model has a server of its own.",
        "",
        *table(
            ["", *conditions],
            [
                [what, *(_cost(one["cost"][key]) for one in conditions.values())]
                for key, what in zip(COSTS, ("prompt, sent", "prompt, computed", "written"), strict=True)
            ],
        ),
        "",
        "The demo's model reads four captions in a request, and the last block of a prompt, which is not whole, is "
        "computed for every annotator. In the default recipe a request has a whole video: for one of "
        f"{found['recipe']['seconds']} s {found['recipe']['one']:,} tokens, of which {about['annotators']} "
        f"annotators compute {found['recipe']['computed']:,}, "
        f"{found['recipe']['computed'] / found['recipe']['one']:.2f} times one.",
        "",
    ]
    return "\n".join(lines)


def plot(found: Mapping[str, Any]) -> str:
    """The share of rejected samples by self-agreement, one colour a condition, as SVG."""
    conditions = found["conditions"]
    groups = next(iter(conditions.values()))["calibration"]["groups"]
    left, top, width, height = 60, 80, 520, 220
    bottom, step = top + height, width / len(groups)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {left + width + 20} {bottom + 60}" role="img" '
        'font-family="sans-serif" font-size="12">',
        "<title>Share of samples that simulated people reject, by the self-agreement of the annotators</title>",
        '<rect width="100%" height="100%" fill="#fff"/>',
    ]
    for tick in range(0, 11, 2):
        y = bottom - height * tick / 10
        parts.append(f'<path d="M{left} {y:.0f}H{left + width}" stroke="#ddd"/>')
        parts.append(f'<text x="{left - 8}" y="{y + 4:.0f}" text-anchor="end">{tick / 10:.1f}</text>')
    for place, group in enumerate(groups):
        x = left + step * (place + 0.5)
        parts.append(f'<text x="{x:.0f}" y="{bottom + 18}" text-anchor="middle">{_range(group)}</text>')
    parts.append(f'<text x="{left + width / 2}" y="{bottom + 42}" text-anchor="middle">self-agreement</text>')
    parts.append(f'<text x="{left}" y="{top - 14}" text-anchor="start">share that people reject</text>')
    for number, ((name, one), colour) in enumerate(zip(conditions.items(), _COLOURS, strict=False)):
        shift = 14 * (number - (len(conditions) - 1) / 2)
        for place, (_, _, of, _, value, low, high) in enumerate(one["calibration"]["groups"]):
            if of:
                x = left + step * (place + 0.5) + shift
                ends = f"M{x:.1f} {bottom - height * low:.1f}V{bottom - height * high:.1f}"
                parts.append(f'<path d="{ends}" stroke="{colour}" stroke-width="3" stroke-opacity="0.5"/>')
                parts.append(f'<circle cx="{x:.1f}" cy="{bottom - height * value:.1f}" r="5" fill="{colour}"/>')
        x = left + width - 150
        parts.append(f'<circle cx="{x}" cy="{top - 62 + 16 * number}" r="5" fill="{colour}"/>')
        parts.append(f'<text x="{x + 12}" y="{top - 58 + 16 * number}">{name}</text>')
    return "\n".join([*parts, "</svg>", ""])


def _tau(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _claim(one: Mapping[str, Any]) -> str:
    first = _gain(one["tau_differences"]["saliency - first"], "the first choice")
    each = _gain(one["tau_differences"]["saliency - each"], "one choice, the mean of the annotators")
    return f"{first}; {each}. {one['rejected']} of {one['films']} films were rejected."


def _gain(ends: Sequence[float], over: str) -> str:
    _, low, high = ends
    said = interval(ends, sign=True)
    if low > 0:
        return f"saliency is **nearer to the truth** than {over}, {said}"
    if high < 0:
        return f"saliency is **farther from the truth** than {over}, {said}"
    return f"a gain over {over} is **not shown**, {said}"


def _predicts(one: Mapping[str, Any]) -> str:
    out, of = one["rejected"]
    judged, found = one["first"]
    few = f"of the {judged} with the least agreement (the first {FIRST:.0%}) {found} are"
    text = f"{out} of {of} samples are rejected; {few}."
    if one["auc"] is None:
        return f"{text} So nothing can be said of what agreement tells."
    value, low, high = one["auc"]
    told = "**tells** something" if low > 0.5 else "**misleads**" if high < 0.5 else "is **not shown** to tell anything"
    return (
        f"{text} Of a rejected and an accepted sample the rejected one has the lower agreement with the chance "
        f"{value:.2f} ({low:.2f} to {high:.2f}; 0.5 is chance): agreement {told}."
    )


def _range(group: Sequence[float]) -> str:
    low, high = group[:2]
    return f"{low:g}" if low == high else f"{low:g} to below {high:g}"


def _group(group: Sequence[Any]) -> str:
    _, _, of, hits, value, low, high = group
    return f"{hits} of {of}: {value:.2f} ({low:.2f} to {high:.2f})" if of else "-"


def _cost(pair: Sequence[int]) -> str:
    one, every = pair
    return f"{one:,}; {every:,} ({every / max(1, one):.2f} times)"


def interval(ends: Sequence[float], *, sign: bool = False) -> str:
    """A value with the ends of its interval; `sign`: with + before what is above zero."""
    form = "+.3f" if sign else ".3f"
    value, low, high = (format(end, form) for end in ends)
    return f"{value} ({low} to {high})"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """The lines of a table in Markdown."""
    return [f"| {' | '.join(row)} |" for row in (head, ["---"] * len(head), *rows)]
