"""A release with everything that a card can show: many sizes, several languages, people's verdicts, hostile texts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from annotation.report.write import review_findings
from curation.pipeline.open import open_view
from curation.review.verdict_store import Reviews
from schemas.audit import Audit, Coverage, Redundancy, SentenceSupport, Support
from schemas.records import Sample
from tests.curation.finished import finished
from tests.curation.people import shown, verdict
from tests.curation.release.releases import release
from tests.curation.samples import make_sample

HOSTILE = (
    "x: y\n---\n# <img src=x onerror=alert(1)> ![a](http://evil.example/p.png) $1^2$ | `{{7*7}}` </script>\u202e\u0000"
)
STATED = (
    "export.title='Films: the *best* <b>'",
    "export.licence=cc-by-4.0",
    "export.authors=['Ada Lovelace', 'O`Neill & {sons}']",
    "export.date=2026-12-01",
    "export.url=https://example.org/films",
)
LANGUAGES = ("en", "en", "en", "de", None, "fr", HOSTILE)
LICENCES = ("CC BY 4.0", "CC BY 4.0", "Creative Commons Attribution license (reuse allowed)", None, HOSTILE)


def samples(count: int) -> list[Sample]:
    """Samples of 12 to 71 seconds with a sixth to a third of the frames chosen; the last one is hostile."""
    made = []
    for number in range(count):
        frames = 12 + (number * 37) % 60
        step = 3 + number % 4
        made.append(
            make_sample(
                f"v{number:03d}",
                frames,
                tuple(range(number % 3, frames, step)),
                title=HOSTILE if number == count - 1 else f"Film {number}",
                licence=LICENCES[number % len(LICENCES)],
                language=LANGUAGES[number % len(LANGUAGES)],
                webpage_url=f"https://example.org/watch/{number}",
                channel_id=f"c{number // 2}",
            )
        )
    return made


def audit(sample: Sample) -> Audit:
    """Scores that differ from sample to sample."""
    number = int(sample.video.id[1:])
    value = 0.5 + number % 10 / 25
    one = SentenceSupport(score=value, words=value, similarity=value, picture=None, supported=True)
    return Audit(
        mode="enable",
        support=Support(sentences=(one,) * len(sample.summary.v2vt), unsupported=0.0, mean=value, pictures=None),
        coverage=Coverage(captions=0.5 + number % 11 / 25, text=0.6 + number % 9 / 30, shots=number % 3 / 2),
        redundancy=Redundancy(sentences=0.1 + number % 5 / 20, pictures=0.4 + number % 7 / 20),
    )


@contextmanager
def released(root: Path, count: int = 12, *settings: str, judged: int = 8) -> Iterator[Path]:
    """The folder of a release of `count` samples, of which two people judged the first `judged`."""
    made = samples(count)
    with finished(root, made, *settings, audit=audit) as (place, services):
        for number, sample in enumerate(made[:judged]):
            frame = sample.extract.keyframes[0]
            fixed = shown(sample, **{f"k{frame}": {"judged": "drop"}})
            first = verdict(sample, "accept", "ann", number, rating=4)
            second = (
                verdict(sample, "fix", "bob", number, rating=3, keyframes=fixed)
                if number % 4 == 1
                else verdict(sample, "accept", "bob", number, rating=4 + number % 2)
            )
            Reviews(services.ledger).store([first, second])
        with open_view(place) as view:
            findings = review_findings(view, {})
        release(place, services, findings=findings)
        yield root / "releases" / "0.1.0"
