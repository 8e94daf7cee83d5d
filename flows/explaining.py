"""Shows what `explain` found of one video, as text for a terminal."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.text import Text

from flows.terminal import plain
from schemas.time import plain_seconds


def print_explanation(answer: dict[str, Any]) -> None:
    """Print the answer of `curation.status.explain`."""
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
    for name, stage in answer["stages"].items():
        if stage["status"] == "done":
            _stage(console, name, stage)


def _stage(console: Console, name: str, stage: dict[str, Any]) -> None:
    record = stage["record"]
    cost = f"{stage['seconds']:.2f} s"
    if stage["requests"]:
        cost += f", {stage['requests']} requests, {stage['tokens_in']} tokens in, {stage['tokens_out']} out"
    console.print(
        Text(f"\n{name}", style="bold").append(f"  {cost}, fingerprint {stage['fingerprint'][:12]}", style="dim")
    )
    if maker := record.get("maker"):
        _row(console, "prompt", f"{maker['prompt']} (sha256 {maker['prompt_sha256'][:12]})")
        sampling = ", ".join(f"{key} {value}" for key, value in maker["sampling"].items())
        _row(console, "model", f"{maker['model']} (revision {maker['revision'][:12]}); {sampling}")
    match name:
        case "download":
            _row(console, "sha256", record["sha256"])
            shape = f"{record['width']}x{record['height']}, {record['codec']} in {record['container']}"
            _row(console, "file", f"{record['bytes']} bytes, {record['duration']} s, {shape}")
            told = {key: value for key, value in record["publication"].items() if value}
            _row(console, "published", ", ".join(f"{key}: {value}" for key, value in told.items()) or "(nothing known)")
        case "filter":
            for score in record["scores"]:
                word = "passed" if score["passed"] else "failed, not enforced"
                _row(console, score["name"], f"{score['value']} {word}")
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
        case "extract":
            times = " ".join(plain_seconds(time) for time in record["times"])
            _row(console, "keyframes", f"{times} ({record['ratio']:.1%}; {record['windows']} windows)")
        case "refine":
            for sentence in record["v2vt"]:
                times = "".join(f"[{plain_seconds(time)}]" for time in sentence["times"])
                _row(console, times, sentence["text"])


def _row(console: Console, name: str, text: str) -> None:
    console.print(Text(f"  {name:10} ", style="cyan").append(plain(text, 400)))
