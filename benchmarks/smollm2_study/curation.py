"""A real language model under the production prompts: what SmolLM2-135M writes, what is refused, what is published.

    python -m benchmarks smollm2 [--json] [--videos 6] [--keep FOLDER] [--set KEY=VALUE]

The tiny checkpoints of the demo have prompts of their own and always behave. This model is real and weak: it loops,
copies and stops early. Videos of the demo are curated by `configs/demo_smollm2.yaml`: the demo's captioner, which is
right about them, and this model as the summarizer. Nothing that is published may be an echo of a prompt, degenerate, a
repetition over unlike videos, or show one picture twice.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import prompts
from curation.pipeline.open import open_view
from curation.status.counts import summarize
from curation.status.standings import samples
from curation.text.candidates import one_of_each_picture
from curation.text.degenerate import degenerate, no_sentence
from curation.text.echo import is_echo
from curation.video.encode import encode_video
from curation.workspace import Workspace
from demo.render import frames
from demo.world import make_script
from schemas.audit import Audit
from schemas.configuration.config import CurateConfig
from schemas.records import Sample
from schemas.repository import ROOT

CONFIG = ROOT / "configs" / "demo_smollm2.yaml"
FIRST_SEED = 60_000_000
FAULTS = ("echoes", "degenerate", "repeated_summaries", "keyframes_of_one_picture")


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(prog="v2xum bench smollm2", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--json", action="store_true", help="one line of JSON")
    parser.add_argument("--videos", type=int, default=6)
    parser.add_argument("--keep", type=Path, help="folder for the videos and the workspace")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="change the configuration")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        result = measure(options.keep or Path(scratch), options.videos, options.set)
    if options.json:
        print(json.dumps(result))
    else:
        for key, value in result.items():
            print(f"{key:24} {value}")


def measure(folder: Path, videos: int, settings: Sequence[str] = ()) -> dict[str, Any]:
    """Curate `videos` videos in a new process, and look at all that would be published.

    `settings` are for `--set`. Raises RuntimeError with what the command said where no workspace came of it.
    """
    films, workspace = folder / "films", folder / "workspace"
    films.mkdir(parents=True, exist_ok=True)
    for number in range(videos):
        script = make_script(FIRST_SEED + number, 40)
        encode_video(films / f"film {number}.mp4", frames(script, 2), fps=2, options={"preset": "ultrafast"})
    began = time.monotonic()
    command = [sys.executable, "-m", "flows.cli", "curate", CONFIG, "--source", films, "--workspace", workspace]
    command += [part for setting in settings for part in ("--set", setting)]
    done = subprocess.run([str(part) for part in command], cwd=ROOT, capture_output=True, text=True, check=False)
    if not (workspace / "config.json").is_file():
        raise RuntimeError(done.stderr[-2000:])
    with open_view(Workspace(workspace)) as view:
        status, made = summarize(view), list(samples(view))
        config_of_run = Workspace(workspace).config()
        audits = [payload for _, _, payload in view.ledger.payloads([s.video.id for s in made], ["audit"])]
    measured = [support for payload in audits if (support := Audit.model_validate_json(payload).support)]
    supports = [sentence.score for support in measured for sentence in support.sentences]
    return {
        "videos": videos,
        "prompts": [config_of_run.extract.prompt, config_of_run.refine.prompt],
        "exit_code": done.returncode,
        "samples": len(made),
        "reasons": status.reasons,
        "retryable": status.retryable,
        "pending": status.pending,
        **faults(made, config_of_run),
        "least_support": min(supports, default=None),
        "seconds": round(time.monotonic() - began),
    }


def faults(made: Iterable[Sample], config: CurateConfig) -> dict[str, Any]:
    """What is wrong with samples: numbers of sentences, of summaries and of keyframes; all should be 0."""
    made = list(made)
    own = prompts.load(config.refine.prompt).own
    echoes = degenerated = pictures = 0
    for sample in made:
        given = "\n".join(caption.text for caption in sample.captions.captions)
        said = [sentence.text for sentence in sample.summary.v2vt]
        echoes += sum(is_echo(text, own, given) for text in said)
        degenerated += sum(bool(degenerate(text, own, given, "en") or no_sentence(text)) for text in said)
        offered = {caption.index for caption in one_of_each_picture(sample.captions, sample.frames).captions}
        pictures += len(set(sample.extract.keyframes) - offered)
    texts = [sample.summary.v2t.casefold() for sample in made]
    return {
        "echoes": echoes,
        "degenerate": degenerated,
        "repeated_summaries": len(texts) - len(set(texts)),
        "keyframes_of_one_picture": pictures,
        "texts": [sample.summary.v2t for sample in made],
    }


if __name__ == "__main__":
    main()
