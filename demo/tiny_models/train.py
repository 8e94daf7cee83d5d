"""Trains a tiny checkpoint: `python -m demo.tiny_models.train captioner|summarizer|clip --out data/demo/NAME`."""

import argparse
import logging
from pathlib import Path

import torch


def main() -> None:
    """Parse the command line and train; one thread, so that the fixed seed gives the same weights again."""
    parser = argparse.ArgumentParser(description="Train a tiny checkpoint of the demo world from scratch.")
    parser.add_argument("which", choices=("captioner", "summarizer", "clip"))
    parser.add_argument("--out", type=Path, required=True, help="folder to write the checkpoint to")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    torch.set_num_threads(1)
    if arguments.which == "captioner":
        from demo.tiny_models import captioner as train_captioner

        train_captioner.train(arguments.out)
    elif arguments.which == "clip":
        from demo.tiny_models import clip as train_clip

        train_clip.train(arguments.out)
    else:
        from demo.tiny_models import summarizer as train_summarizer

        train_summarizer.train(arguments.out)


if __name__ == "__main__":
    main()
