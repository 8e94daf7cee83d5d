"""The command that measures the demo's checkpoints on held-out videos: `python -m demo.evaluate --videos 100`.

It runs the real pipeline with configs/demo.yaml on real H.264 files and writes `figures.json` beside each checkpoint.
So the figures are those of the demo itself.
"""

import argparse
import json
import logging
import tempfile
import threading
from collections.abc import Sequence
from pathlib import Path

from curation.ledger.stages import STAGES
from curation.pipeline.process import process
from curation.pipeline.services import Services, open_services
from curation.pipeline.stage_functions import stage_function
from curation.status.standings import all_rejections, samples
from curation.video.encode import encode_video
from curation.workspace import Workspace
from demo.measure import Score, figures, score
from demo.render import frames
from demo.tiny_models.caption_data import FIRST_HELD_OUT_SEED
from demo.world import make_script
from schemas.configuration.config import CurateConfig
from schemas.configuration.loading import load_config
from schemas.records import Origin, Source
from schemas.repository import ROOT

log = logging.getLogger(__name__)

FPS = 10
FIRST_SEED = FIRST_HELD_OUT_SEED + 40_000_000  # nobody looked at these scripts while models and thresholds were chosen


class _Silent:
    def advance(self, stage: str, outcome: str) -> None:
        """Count nothing."""


def evaluate(config: CurateConfig, videos: int, folder: Path) -> list[Score]:
    """Render, curate and score `videos` held-out scripts below `folder`; a rejected video scores 0 everywhere."""
    workspace = Workspace(folder / "workspace")
    sources = []
    for seed in range(FIRST_SEED, FIRST_SEED + videos):
        path = folder / f"{seed}.mp4"
        encode_video(path, frames(make_script(seed), FPS), fps=FPS, options={"crf": "23", "preset": "veryfast"})
        sources.append(Source(id=str(seed), kind="file", uri=str(path), origin=Origin(list_name="held out", row=0)))
    with open_services(workspace, config) as services:
        carry(services, sources)
        scores = [score(sample, make_script(int(sample.video.id))) for sample in samples(services.view)]
        for rejection in all_rejections(services.view):
            log.warning("%s: %s: %s", rejection.id, rejection.reason, rejection.evidence)
            scores.append(Score(0.0, 0.0, 0, len(make_script(int(rejection.id)).events)))
    return scores


def carry(services: Services, sources: Sequence[Source]) -> None:
    """Carry videos through the stages of a configuration, one stage after the other, without Prefect."""
    ids = services.ledger.register(sources)
    for stage in STAGES.of(services.hashes.on):
        process(
            stage.name,
            ids,
            ledger=services.ledger,
            hashes=services.hashes,
            work=stage_function(services, stage.name),
            progress=_Silent(),
            stop=threading.Event(),
        )


def main() -> None:
    """Measure as the command line says, and write the figures beside the checkpoints."""
    parser = argparse.ArgumentParser(description="Measure the tiny checkpoints on held-out videos.")
    parser.add_argument("--videos", type=int, default=100)
    parser.add_argument("--set", action="append", default=[], help="override a key of configs/demo.yaml")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    config = load_config(ROOT / "configs" / "demo.yaml", arguments.set)
    with tempfile.TemporaryDirectory() as folder:
        measured = figures(evaluate(config, arguments.videos, Path(folder)))
    text = json.dumps(
        {"first_seed": FIRST_SEED, **{name: round(value, 4) for name, value in measured.items()}}, indent=2
    )
    log.info("%s", text)
    if not arguments.set:
        for model in (config.models.captioner, config.models.summarizer):
            (Path(model.model) / "figures.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
