"""Measures the browse page of a release with many rows: how fast it is made, and how fast it answers in Chromium.

The rows are of realistic size: 183 captions, 30 keyframes, a summary of 30 sentences, with words of a large vocabulary
as often as in a language, a tenth of them in Chinese characters. They are written as the configurations `default` and
`full` directly, without a ledger. In Chromium, over `file://`, each search is timed in two ways: `answer_ms` is the
work of the page (all rows searched, the list drawn), by the clock and as CPU time of the page's thread, which other
work on the machine does not change as much; `painted_ms` runs from the key that was pressed to the picture on the
screen by the clock, with the pause of 80 ms that waits for the next key. The time to the first list and to all texts is
that of a page that was not opened before.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import statistics
import tempfile
import time
from collections.abc import Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from benchmarks.processes import in_fresh_process, peak_memory
from benchmarks.release import KEYFRAMES, picture_of, sample_of
from curation.dataset.rows import row_of
from curation.release.browse.make import make_site
from curation.release.configurations.configuration import Published
from curation.release.configurations.default import DEFAULT
from curation.release.configurations.full import FULL
from curation.release.contact_sheet import contact_sheet
from curation.release.versions import MANIFEST
from curation.release.writer import ConfigurationWriter
from schemas.records import SampleScores

FEW, ROWS = 3_000, 30_000
WORDS = 20_000
REPEATS = 5
FLAGS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--enable-precise-memory-info"]
QUERIES = {
    "common word": "{0}",
    "rare word": "{9000}",
    "no such word": "qqqqq",
    "one letter": "e",
    "three words": "{3} {40} {700}",
    "phrase": '"{0} {1}"',
    "without": "{5} -{0}",
    "Chinese": "海山",
    "id": "v012345",
}
FILTERED = {"filters": "split=test&language=de&dmin=100", "filters and words": "problem=unsupported&q={2}+{30}"}


def vocabulary() -> list[str]:
    """Words of one to four syllables, the same at every call."""
    chance = random.Random(0)
    syllables = [c + v + e for c in "bdfgklmnprst" for v in "aeiou" for e in ("", "n", "r", "st")]
    made: dict[str, None] = {}
    while len(made) < WORDS:
        made["".join(chance.choices(syllables, k=chance.choice((1, 2, 2, 3, 4))))] = None
    return list(made)


def rows(count: int) -> Iterator[Published]:
    """Published samples with texts of their own, made from one row."""
    words = vocabulary()
    weights = [1 / (place + 3) for place in range(WORDS)]
    chinese = [chr(0x4E00 + place * 7) for place in range(2000)] + ["海", "山"]
    sample = sample_of(0)
    template = row_of(sample, "train", None)
    pictures = [picture_of(0, place * 6) for place in range(KEYFRAMES)]
    sheet = contact_sheet(sample.extract.times, pictures.__getitem__, 16 / 9)
    chance = random.Random(1)
    for number in range(count):
        drawn = chance.choices(words, weights, k=1500)
        if number % 10 == 0:
            drawn = ["".join(chance.choices(chinese, k=2)) for _ in drawn]

        def text(size: int, drawn: list[str] = drawn) -> str:
            start = chance.randrange(len(drawn) - size)
            return " ".join(drawn[start : start + size])

        lines = [f"{text(8).capitalize()}." for _ in range(KEYFRAMES)]
        summary = template["summary"]
        sentences = [{**old, "text": line} for old, line in zip(summary["v2vt"], lines, strict=True)]
        scores = dict.fromkeys(SampleScores.model_fields)
        scores |= {"grounding": chance.random() / 2, "coverage": chance.random(), "redundancy": chance.random()}
        scores |= {"unsupported": max(chance.random() - 0.7, 0), "support": chance.random()}
        yield Published(
            sample,
            {
                **template,
                "id": f"v{number:06d}",
                "split": "test" if number % 6 == 0 else "train",
                "title": text(6).capitalize(),
                "licence": ("CC BY", "CC BY-SA", None)[number % 3],
                "publication": {**template["publication"], "language": ("en", "de", "zh")[number % 3]},
                "meta": {**template["meta"], "duration": chance.uniform(40, 940)},
                "captions": [{**old, "text": text(14)} for old in template["captions"]],
                "keyframes": [{**old, "caption": text(14)} for old in template["keyframes"]],
                "summary": {**summary, "v2t": " ".join(lines), "v2vt": sentences},
                "scores": scores,
            },
            sheet if number % 100 == 0 else None,
        )


def write_release(folder: Path, count: int) -> None:
    """Write a release of so many rows; a hundredth of them have contact sheets, which fill the disk otherwise."""
    folder.mkdir()
    with ConfigurationWriter(folder, DEFAULT) as default, ConfigurationWriter(folder, FULL) as full:
        for published in rows(count):
            for writer in (default, full):
                assert writer.configuration.of_sample is not None
                for line in writer.configuration.of_sample(published):
                    writer.add(line)
    files = [
        {"path": path.relative_to(folder).as_posix(), "sha256": "0" * 64, "bytes": path.stat().st_size, "rows": held}
        for path, held in (*default.files, *full.files)
    ]
    manifest = {"version": "0.1.0", "made_from": "0" * 64, "name": "bench", "title": "Benchmark", "licence": None}
    (folder / MANIFEST).write_text(json.dumps({**manifest, "images": True, "samples": count, "files": files}))


def made(release: Path, out: Path, answer: Connection) -> None:
    """Make a page in this process; answers seconds, CPU seconds and peak memory."""
    began, cpu = time.perf_counter(), time.process_time()
    site = make_site(release, out)
    answer.send(
        {
            "seconds": round(time.perf_counter() - began, 1),
            "cpu": round(time.process_time() - cpu, 1),
            "peak_mb": round(peak_memory(), 1),
            "files": site.files,
            "mb": round(site.bytes / 1e6, 1),
        }
    )


ANSWER = """(hash) => {
    const state = Object.assign({ ...v2xum.first }, Object.fromEntries(new URLSearchParams(hash)));
    const began = performance.now(), found = v2xum.find(state);
    v2xum.showList(state, found);
    document.body.getBoundingClientRect();
    return [performance.now() - began, found.length];
}"""
PAINTED = """(text) => new Promise((resolve) => {
    const field = document.getElementById("q"), began = performance.now();
    addEventListener("hashchange", () => requestAnimationFrame(
        () => setTimeout(() => resolve(performance.now() - began))), { once: true });
    field.value = text;
    field.dispatchEvent(new Event("input", { bubbles: true }));
})"""


def in_chromium(page_address: str) -> dict[str, Any]:
    """Open the page in a new browser, and search."""
    from playwright.sync_api import sync_playwright

    executable = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    words = vocabulary()

    def fill(text: str) -> str:
        for place in (0, 1, 2, 3, 5, 30, 40, 700, 9000):
            text = text.replace(f"{{{place}}}", words[place])
        return text

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=FLAGS)
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        page.set_default_timeout(300_000)
        began = time.perf_counter()
        page.goto(page_address)
        page.locator("html[data-ready=yes]").wait_for(state="attached")
        listed = time.perf_counter() - began
        page.evaluate("v2xum.loadTexts(() => {})")
        searchable = time.perf_counter() - began
        asked = {name: f"q={fill(query)}".replace(" ", "+") for name, query in QUERIES.items()}
        asked |= {name: fill(query) for name, query in FILTERED.items()}
        session = page.context.new_cdp_session(page)
        session.send("Performance.enable", {"timeDomain": "threadTicks"})

        def cpu_ms() -> float:
            metrics = session.send("Performance.getMetrics")["metrics"]
            return 1000 * float(next(each["value"] for each in metrics if each["name"] == "TaskDuration"))

        answers: dict[str, Any] = {}
        for name, query in asked.items():
            told, cpu = [], []
            for _ in range(REPEATS):
                before = cpu_ms()
                told.append(page.evaluate(ANSWER, query))
                cpu.append(cpu_ms() - before)
            answers[name] = {"wall": round(statistics.median(one for one, _ in told), 1), "found": told[0][1]}
            answers[name]["cpu"], answers[name]["most_cpu"] = round(statistics.median(cpu), 1), round(max(cpu), 1)
        painted: list[float] = []
        for _ in range(REPEATS):
            for query in QUERIES.values():
                painted.append(page.evaluate(PAINTED, fill(query)))
                page.wait_for_timeout(150)
        heap = page.evaluate("performance.memory.usedJSHeapSize")
        version = browser.version
        browser.close()
    return {
        "chromium": version,
        "seconds_to_the_list": round(listed, 2),
        "seconds_to_all_texts": round(searchable, 2),
        "answer_ms": answers,
        "slowest_answer_ms": {kind: max(each[kind] for each in answers.values()) for kind in ("cpu", "wall")},
        "painted_ms": {"median": round(statistics.median(painted), 1), "worst": round(max(painted), 1)},
        "heap_mb": round(heap / 1e6, 1),
    }


def measure(few: int, many: int) -> dict[str, Any]:
    """Write two releases, make their pages, and search in the larger one."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        figures = []
        for count in (few, many):
            write_release(folder / str(count), count)
            figures.append(in_fresh_process(made, folder / str(count), folder / f"page {count}"))
        searched = in_chromium((folder / f"page {many}" / "index.html").as_uri())
    return {
        "rows": [few, many],
        "made": figures[1],
        "peak_mb": [each["peak_mb"] for each in figures],
        "rows_per_second": round(many / figures[1]["seconds"], 1),
        **searched,
    }


def main() -> None:
    """Run the benchmark and print one line of JSON, with or without `--json`."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks browse", description=main.__doc__)
    parser.add_argument("--few", type=int, default=FEW)
    parser.add_argument("--many", type=int, default=ROWS)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    print(json.dumps(measure(arguments.few, arguments.many)))


if __name__ == "__main__":
    main()
