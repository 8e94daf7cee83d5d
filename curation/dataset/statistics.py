"""Counts and spreads of the exported rows, gathered while they are written, in bounded memory."""

from __future__ import annotations

from collections import Counter
from typing import Any

from curation.ledger.stages import DENOISE, OCR, STAGES, TRANSCRIBE
from curation.ledger.stages import SAFETY as SCORE
from schemas.arrow import ANNOTATORS, DENOISED, SAFETY, SCREEN_TEXT, TRANSCRIPT
from schemas.kit.most_first import most_first
from schemas.manifest import MakerCount, ReaderCount, RejectionCount, Spread
from schemas.records import Maker, Rejection, SampleScores

_NAMES_KEPT = 50
OTHERS = "(others)"
EXTRACT = "extract"  # the stage at which several models may take turns
_WRITERS = (DENOISE, *STAGES.written_by_models)
# The columns that say who heard, read or scored: the stage, the column, and its keys for the model and its revision.
_READERS = (
    (TRANSCRIBE, TRANSCRIPT, "recogniser", "revision"),
    (OCR, SCREEN_TEXT, "reader", "revision"),
    (SCORE, SAFETY, "finder", "finder_revision"),
    (SCORE, SAFETY, "scorer", "scorer_revision"),
)


class Tally:
    """Running statistics of rows and rejections."""

    def __init__(self) -> None:
        """Start from nothing."""
        self.rows = 0
        self.defective = 0
        self.reviews: Counter[str] = Counter()
        self._licences: Counter[str] = Counter()
        self._languages: Counter[str] = Counter()
        self._makers: Counter[tuple[Any, ...]] = Counter()
        self._readers: Counter[tuple[str, str, str]] = Counter()
        self._transcripts: Counter[str] = Counter()
        self._rejections: Counter[tuple[str, ...]] = Counter()
        self._spreads: dict[str, tuple[int, float, float, float]] = {}

    def row(self, row: dict[str, Any]) -> None:
        """Count one row of `schemas.arrow`'s columns."""
        self.rows += 1
        self.defective += bool(row["defects"])
        self.reviews[row["review"]["status"]] += 1
        _count(self._licences, row["licence"] or "")
        _count(self._languages, row["publication"]["language"] or "")
        for stage in STAGES.written_by_models:
            # Every model that takes turns made the row, however often it was asked.
            made = (row.get(ANNOTATORS) if stage == EXTRACT else None) or [row["provenance"][stage]]
            self._makers.update({(stage, *(one[name] for name in Maker.model_fields)) for one in made})
        self._heard_and_read(row)
        summary = row["summary"]
        measured = {
            "duration_seconds": row["meta"]["duration"],
            "sampled_frames": row["meta"]["sampled_frames"],
            "captions": len(row["captions"]),
            "keyframes": len(row["keyframes"]),
            "ratio": row["ratio"],
            "sentences": len(summary["v2vt"]),
            "summary_words": len(summary["v2t"].split()),
        }
        measured |= {name: value for name, value in row["scores"].items() if value is not None}
        for name, value in measured.items():
            rows, low, total, high = self._spreads.get(name, (0, value, 0.0, value))
            self._spreads[name] = (rows + 1, min(low, value), total + value, max(high, value))

    def _heard_and_read(self, row: dict[str, Any]) -> None:
        """Count who made the columns that not every run has."""
        corrected = row.get(DENOISED)
        if corrected and corrected["model"] is not None:
            self._makers[DENOISE, *(corrected[name] for name in Maker.model_fields)] += 1
        for stage, column, model, revision in _READERS:
            made = row.get(column)
            if made and (name := made.get(model)) is not None:
                self._readers[stage, name, made.get(revision) or ""] += 1
        if transcript := row.get(TRANSCRIPT):
            self._transcripts[(transcript["source"] if transcript["segments"] else transcript["reason"]) or ""] += 1

    def rejection(self, rejection: Rejection) -> None:
        """Count one rejection."""
        self._rejections[rejection.stage, rejection.error_class, rejection.reason] += 1

    def figures(self) -> dict[str, Any]:
        """All of it, by the names of the fields of schemas.manifest.Manifest."""
        return {
            "makers": self.makers(),
            "readers": self.readers(),
            "transcripts": most_first(self._transcripts),
            "reviews": dict(sorted(self.reviews.items())),
            "licences": self.licences(),
            "languages": self.languages(),
            "statistics": self.spreads(),
            "ratio_of_means": self.ratio_of_means(),
            "defective": self.defective,
            "rejections": self.rejections(),
        }

    def spreads(self) -> dict[str, Spread]:
        """Smallest, mean and largest value of each quantity that some row has, scores last; empty without rows."""
        order = list(SampleScores.model_fields)
        ordered = sorted(self._spreads.items(), key=lambda item: order.index(item[0]) if item[0] in order else -1)
        return {
            name: Spread(rows=rows, minimum=low, mean=total / rows, maximum=high)
            for name, (rows, low, total, high) in ordered
        }

    def ratio_of_means(self) -> float | None:
        """Mean number of keyframes / mean number of sampled frames; None without rows."""
        if not self.rows:
            return None
        return self._spreads["keyframes"][2] / self._spreads["sampled_frames"][2]

    def makers(self) -> tuple[MakerCount, ...]:
        """The makers of the rows by stage, in the order of the stages, most rows first."""
        ordered = sorted(self._makers.items(), key=lambda item: (_WRITERS.index(item[0][0]), -item[1], item[0]))
        names = ("stage", *Maker.model_fields)
        return tuple(MakerCount(**dict(zip(names, key, strict=True)), rows=rows) for key, rows in ordered)

    def readers(self) -> tuple[ReaderCount, ...]:
        """The models that heard, read or scored the rows by stage, in the order of `transcribe`, `ocr`, `safety`."""
        stages = [stage for stage, *_ in _READERS]
        ordered = sorted(self._readers.items(), key=lambda item: (stages.index(item[0][0]), -item[1], item[0]))
        return tuple(
            ReaderCount.model_validate({"stage": stage, "model": model, "revision": revision, "rows": rows})
            for (stage, model, revision), rows in ordered
        )

    def rejections(self) -> tuple[RejectionCount, ...]:
        """Rejected videos by stage, class and reason, most frequent first."""
        ordered = sorted(self._rejections.items(), key=lambda item: (-item[1], item[0]))
        return tuple(
            RejectionCount.model_validate({"stage": key[0], "error_class": key[1], "reason": key[2], "videos": videos})
            for key, videos in ordered
        )

    def licences(self) -> dict[str, int]:
        """Rows by the licence that the publisher states, most frequent first."""
        return most_first(self._licences)

    def languages(self) -> dict[str, int]:
        """Rows by the language that the publisher states, most frequent first."""
        return most_first(self._languages)


def _count(counter: Counter[str], name: str) -> None:
    """Count a name from outside; the first 50 different ones by name, the rest together."""
    name = name[:200]
    counter[name if name in counter or len(counter) < _NAMES_KEPT else OTHERS] += 1
