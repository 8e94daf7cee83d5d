"""What a card and its Croissant say in words about limits, sources and people: one place, so that both say the same."""

from __future__ import annotations

from curation.release.gate import error_rate
from schemas.documents.review_report import Estimate
from schemas.kit.number_of import number_of
from schemas.release import ReleaseManifest

LIMITS = (
    "Captions and summaries can be wrong in any way a model can be wrong; subtle changes between frames are missed "
    "easily.",
    "A summary covers what the sampled frames show, and what is said where rows have the column `transcript`. Other "
    "sound, and what lies between two samples, are not in it.",
    "There is one summary of each video. What matters in a video is a judgement, and people disagree about it.",
    "The videos themselves are not part of the dataset. They can disappear or change where they are published; the "
    "SHA-256 of each file tells.",
    "Titles and other publication fields are quoted from outside as they were found.",
)
BIASES = (
    "The videos are those that somebody listed and that could be downloaded and passed the filters: no sample of all "
    "videos, languages, places or people.",
    "The texts have the habits and prejudices of the models that wrote them, also in what they find worth telling.",
    "A model that wrote the texts looks better than others when it is evaluated on them.",
)
USES = (
    "Training and evaluating models that summarize videos: keyframes (v2v), text (v2t), and both with times (v2vt).",
    "Not for identifying or judging people who are seen or named in the videos.",
)
PERSONAL = (
    "Videos may show people and name them, in pictures, titles and channel names; nobody was asked for it and nothing "
    "of it was annotated. Keyframes and contact sheets are small pictures of such videos.",
    "Annotators appear by pseudonyms alone.",
)
SOCIAL = (
    "Summaries by models can leave out or misrepresent what people in a video do. Whoever shows such summaries to "
    "others should say that they are machine-made."
)
LICENCES = (
    "The licences of the videos are another matter: every row has the one that its publisher states, or none, in the "
    "column `licence`. It repeats what the publisher states and is no legal advice."
)


def personal(manifest: ReleaseManifest) -> list[str]:
    """What a release shows of people, and what of it is blurred."""
    if manifest.blur is None:
        return list(PERSONAL)
    found = "Faces were found by a network, which misses some. " if manifest.blur.faces else ""
    return [*PERSONAL, f"Blurred by scores of networks: {manifest.blur.words}. {found}Nobody looked at every picture."]


def percent(share: float, digits: int = 1) -> str:
    """A share (0..1) as text."""
    return f"{100 * share:.{digits}f} %"


def checked(manifest: ReleaseManifest) -> str:
    """Who checked how much, in a sentence or two."""
    review = manifest.review
    share = percent(review.unreviewed_share)
    said = f"{review.unreviewed:,} of {number_of(review.samples, 'row')} ({share}) were checked by no person."
    if review.people:
        verdicts = sum(person.verdicts for person in review.people)
        said += f" {number_of(len(review.people), 'annotator')} gave {number_of(verdicts, 'verdict')}."
    return said


def errors(manifest: ReleaseManifest) -> str:
    """The estimated label-error rate with its interval, or that it is unknown."""
    rate, measured = error_rate(manifest.review), manifest.review.errors
    if rate.value is None:
        return "The label-error rate is unknown: no video of a random sample has been judged."
    interval = _interval(rate)
    corrected = ", corrected by gold questions" if measured.corrected.value is not None else ""
    return (
        f"The estimated label-error rate of what the models made is {percent(rate.value)}{interval}{corrected}, from "
        f"{measured.judged} judged videos of a random sample of {measured.drawn}. An error is everything that people "
        "did not accept unchanged."
    )


def _interval(rate: Estimate) -> str:
    if rate.low is None or rate.high is None:
        return ""
    return f" (95 % interval {percent(rate.low)} to {percent(rate.high)})"
