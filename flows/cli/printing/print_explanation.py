"""Prints everything that is known about one video as text for a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from flows.cli.app import typed_path
from schemas.audit import GOOD, Audit
from schemas.binding import Binding
from schemas.documents.status import Explanation
from schemas.meanings.reasons import described
from schemas.parts.denoised import Denoised
from schemas.parts.safety import Safety
from schemas.parts.screen_text import ScreenText
from schemas.parts.transcript import Transcript
from schemas.records import Choice, Extract
from schemas.safe_text import plain
from schemas.saliency import self_agreement
from schemas.time import plain_seconds

_TIMES = 20  # that are printed of frames with faces


def print_explanation(explanation: Explanation, workspace: Path) -> None:
    """Print the explanation of a video: its source, rejections with a way out, stages and verdicts."""
    answer = explanation.model_dump(mode="json")
    console = Console(highlight=False, soft_wrap=True)
    source = answer["source"] or {}
    console.print(Text(f"{answer['id']}: {answer['state']}", style="bold"))
    _row(console, "source", f"{source.get('kind', '')} {source.get('uri', '(unusable list row)')}")
    if source.get("title"):
        _row(console, "title", source["title"])
    if origin := source.get("origin"):
        _row(console, "listed in", f"{origin['list_name']}, row {origin['row']}")
    for rejection in answer["rejections"]:
        words = f"at {rejection['stage']}: {rejection['reason']} ({rejection['error_class']}): {rejection['evidence']}"
        console.print(Text("rejected  ", style="red").append(plain(words, 500)))
        if rejection["error_class"] == "poison":
            again = f"v2xum retry {typed_path(workspace)} --class poison (or {answer['id']})"
            _row(console, "way out", f"not tried again by itself; when the cause is mended: {again}")
        elif (told := described(rejection["reason"], rejection["stage"])) is not None:
            _row(console, "way out", told.do)
    for name, stage in answer["stages"].items():
        if stage["status"] == "done":
            _stage(console, name, stage)
    if answer.get("verdicts"):
        _review(console, answer["review"], answer["verdicts"])


def _review(console: Console, review: dict[str, Any] | None, verdicts: list[dict[str, Any]]) -> None:
    console.print(
        Text("\nreview", style="bold").append(f"  {(review or {}).get('status', 'not finished')}", style="dim")
    )
    if review and review.get("dispute"):
        _row(console, "disputed", review["dispute"])
    if review and review.get("editor"):
        changed = {
            name: review[name]
            for name in review
            if name.startswith(("captions", "keyframes", "summary_", "transcript_"))
        }
        _row(console, "edited by", f"{review['editor']}: {', '.join(f'{k} {v}' for k, v in changed.items() if v)}")
    for verdict in verdicts:
        words = f"{verdict['decision'] or 'half-finished'}, {verdict['stratum']}, {verdict['updated_at']}"
        words += f", {' '.join(verdict['reasons'])}" if verdict["reasons"] else ""
        words += f": {verdict['comment']}" if verdict["comment"] else ""
        _row(console, verdict["annotator"], words if verdict["counts"] else f"(does not count) {words}")


def _stage(console: Console, name: str, stage: dict[str, Any]) -> None:
    record = stage["record"]
    cost = f"{stage['seconds']:.2f} s"
    if stage["requests"]:
        cost += f", {stage['requests']} requests, {stage['tokens_in']} tokens in, {stage['tokens_out']} out"
    console.print(
        Text(f"\n{name}", style="bold").append(f"  {cost}, fingerprint {stage['fingerprint'][:12]}", style="dim")
    )
    if maker := record.get("maker") or (record.get("rating") or {}).get("maker"):
        _row(console, "prompt", f"{maker['prompt']} (sha256 {maker['prompt_sha256'][:12]})")
        sampling = ", ".join(f"{key} {value}" for key, value in maker["sampling"].items())
        _row(console, "model", f"{maker['model']} (revision {maker['revision'][:12]}); {sampling}")
    match name:
        case "download":
            _row(console, "sha256", record["sha256"])
            shape = f"{record['width']}x{record['height']}, {record['codec']} in {record['container']}"
            _row(console, "file", f"{record['bytes']} bytes, {record['duration']} s, {shape}")
            known = {key: value for key, value in record["publication"].items() if value}
            _row(
                console, "published", ", ".join(f"{key}: {value}" for key, value in known.items()) or "(nothing known)"
            )
        case "filter" | "ocr-filter" | "safety-filter":
            for score in record["scores"]:
                word = "passed" if score["passed"] else "failed, not enforced"
                value = "" if score["value"] is None else f"{score['value']} "
                _row(console, score["name"], f"{value}{word}")
        case "frames":
            frames = record["frames"]
            alike = sum(frame["same_as"] is not None for frame in frames)
            _row(
                console,
                "frames",
                f"{len(frames)} at {record['fps']} fps by {record['backend']}, {alike} near-identical",
            )
            _row(console, "shots", ", ".join(f"{first}-{last}" for first, last in record["shots"]))
            for defect in record["defects"]:
                _row(console, "defect", defect)
            if check := record["cross_check"]:
                _row(console, "checked", f"{check['agreed']} of {check['compared']} agree with {check['backend']}")
        case "ocr":
            _screen_text(console, ScreenText.model_validate(record))
        case "safety":
            _safety(console, Safety.model_validate(record))
        case "transcribe":
            _transcript(console, Transcript.model_validate(record))
        case "denoise":
            _denoised(console, Denoised.model_validate(record))
        case "caption":
            for caption in record["captions"]:
                reused = f" (of frame {caption['reused_from']})" if caption["reused_from"] is not None else ""
                _row(
                    console,
                    f"[{plain_seconds(caption['time'])}]",
                    f"pts {caption['pts']:.3f}{reused} {caption['text']}",
                )
            for failed in record["failed"]:
                _row(console, f"[{plain_seconds(failed['time'])}]", f"no caption: {failed['reason']}")
        case "binding":
            _binding(console, Binding.model_validate(record))
        case "extract":
            times = " ".join(plain_seconds(time) for time in record["times"])
            _row(console, "keyframes", f"{times} ({record['ratio']:.1%}; {record['windows']} windows)")
            _annotators(console, Extract.model_validate(record).choices)
        case "refine":
            for sentence in record["v2vt"]:
                times = "".join(f"[{plain_seconds(time)}]" for time in sentence["times"])
                _row(console, times, sentence["text"])
        case "audit":
            _audit(console, Audit.model_validate(record))


def _transcript(console: Console, transcript: Transcript) -> None:
    kind = "speech" if transcript.source == "recognised" else "subtitles"
    known = f"{transcript.source} {kind} in {transcript.language or 'an unnamed language'}"
    told = known if transcript.segments else transcript.reason or ""
    if transcript.recogniser:
        told += f"; heard by {transcript.recogniser}" if transcript.segments else f"; {transcript.recogniser} was asked"
    _row(console, "transcript", told)
    for segment in transcript.segments:
        _row(console, f"[{plain_seconds(segment.start)}-{plain_seconds(segment.end)}]", segment.text)
    for dropped in transcript.dropped:
        _row(console, "left out", f"at {plain_seconds(dropped.start)} s, {dropped.reason}: {dropped.text}")
    if transcript.more_dropped:
        _row(console, "left out", f"{transcript.more_dropped} more")
    for note in transcript.notes:
        _row(console, "note", note)


def _screen_text(console: Console, found: ScreenText) -> None:
    share = f"{found.share:.1%}" if found.share is not None else "an unknown share"
    _row(console, "text", f"{share} of the pictures; {found.read} of the frames were read by {found.reader}")
    if found.unread:
        _row(console, "unread", f"{found.unread} frames in which it may have changed (ocr.per_shot), or which are lost")
    for reading in found.readings:
        lines = " / ".join(f"{line.text} ({line.kind})" for line in reading.lines)
        _row(console, f"[{plain_seconds(reading.time)}-{plain_seconds(reading.until)}]", lines)
    if found.left_out:
        _row(console, "left out", f"{found.left_out} lines more")


def _safety(console: Console, safety: Safety) -> None:
    known = len(safety.frames)
    if safety.finder is not None:
        with_faces = [one for one in safety.frames if one.faces]
        times = " ".join(plain_seconds(one.time) for one in with_faces[:_TIMES])
        times = f", at {times}{' ...' if len(with_faces) > _TIMES else ''} s" if times else ""
        _row(console, "faces", f"in {len(with_faces)} of {known} frames{times}; found by {safety.finder}")
    if safety.scorer is not None:
        highest = max(safety.frames, key=lambda one: one.nudity or 0.0, default=None)
        told = "unknown" if highest is None else f"{highest.nudity} at most, at {plain_seconds(highest.time)} s"
        _row(console, "nudity", f"{told}; scored by {safety.scorer}")
    if safety.unknown:
        _row(console, "unknown", f"{safety.unknown} frames, whose pictures are lost")


def _denoised(console: Console, denoised: Denoised) -> None:
    if denoised.maker is None:
        _row(console, "corrected", "nothing: no machine heard it, or nothing is said")
    elif not denoised.changes:
        _row(console, "corrected", "nothing")
    for change in denoised.changes:
        _row(console, "corrected", f"line {change.segment + 1}: {change.before}")
        _row(console, "", f"to: {change.after}")
    for refused in denoised.refused:
        _row(console, "refused", f"line {refused.segment + 1}, {refused.reason}: {refused.proposed}")
    if denoised.more_refused:
        _row(console, "refused", f"{denoised.more_refused} more")
    if denoised.unanswered:
        _row(console, "unanswered", f"{denoised.unanswered} lines, which stay as they are")


def _annotators(console: Console, choices: Sequence[Choice]) -> None:
    """What each of several model annotators chose, as numbers of sampled frames."""
    for number, choice in enumerate(choices):
        told = choice.fault or " ".join(str(index) for index in choice.keyframes)
        _row(console, f"annotator {number}", told)
        if choice.maker is not None:
            _row(console, "", f"by {choice.maker.model}, revision {choice.maker.revision[:12]}")
    if choices:
        _row(console, "agreement", f"{self_agreement(choices)} (mean F1 of all pairs of annotators; 1 is full)")


def _binding(console: Console, binding: Binding) -> None:
    if not binding.checked:
        _row(console, "binding", "not checked (binding.mode)")
        return
    _row(console, "canaries", f"{binding.right} of {binding.asked} pictures with known content recognized")
    if binding.compared:
        share = f"{binding.matched} of {binding.compared} comparisons, mean margin {binding.margin}, by {binding.clip}"
        _row(console, "own frame", f"nearer to its caption than frames of other videos in {share}")


def _audit(console: Console, audit: Audit) -> None:
    if audit.mode == "disable":
        _row(console, "audit", "disabled (audit.mode)")
    for name, value in audit.scores().items():
        _row(console, name, f"{value:g} ({GOOD[name]} is good)")
    for mark in audit.marks:
        console.print(Text(f"  marked: {mark.score} is {mark.value:g}, the limit is {mark.limit:g}", style="yellow"))
    for sentence in audit.support.sentences if audit.support else ():
        words = "no words of its own" if sentence.words is None else f"{sentence.words:.0%} of its words"
        verdict = "supported" if sentence.supported else "not supported"
        against = f", contradicted: {', '.join(sentence.contradicted)}" if sentence.contradicted else ""
        _row(console, "sentence", f"{verdict}: {words} in its captions, similarity {sentence.similarity:g}{against}")
    for criterion in audit.rating.criteria if audit.rating else ():
        _row(console, "judge", f"{criterion.name} {criterion.score} of 5: {criterion.reason}")
    for missing in audit.missing:
        _row(console, "missing", f"{missing.score}: {missing.reason}")


def _row(console: Console, name: str, text: str) -> None:
    console.print(Text(f"  {name:10} ", style="cyan").append(plain(text, 400)))
