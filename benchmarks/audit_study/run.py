"""Runs the study of the audit's limits: support of true and of planted texts, and false alarms about repetitions.

    python -m benchmarks audit [--groundtruth DIR] [--embedder FOLDER] [--workspace NAME=FOLDER] [--out docs/results]

What `python -m benchmarks smollm2_page` measured is taken from the file smollm2.json of that folder, if it is there.
Without `--groundtruth` only the demo's texts are measured. `DIR` has the folder `anet` as in texts.py.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from benchmarks.audit_study.page import Study, page, plot
from benchmarks.audit_study.repeats import choice_families, choice_rings, summary_rings
from benchmarks.audit_study.support import Row, rows, workspace_row
from benchmarks.audit_study.texts import Text, demo_texts, human_choices, people_texts
from models.build import build_embedder
from schemas.configuration.config import AuditConfig
from schemas.configuration.model_config import NgramEmbedder, TransformersEmbedder
from schemas.errors import ConfigError

_SCRIPTS = 500


def main() -> None:
    """Run the study and print the figures as one line of JSON, with or without `--json`."""
    parser = argparse.ArgumentParser(prog="v2xum bench audit", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--groundtruth", type=Path, help="folder with anet/")
    parser.add_argument("--embedder", type=Path, help="a sentence encoder, as models.embedder names it")
    parser.add_argument("--most", type=int, default=250, help="videos of people that the encoder measures")
    parser.add_argument("--workspace", action="append", default=[], metavar="NAME=FOLDER", help="audited summaries")
    parser.add_argument("--out", type=Path, help="write audit.md and audit.svg here")
    parser.add_argument("--json", action="store_true", help="print one line of JSON, which is also the default")
    options = parser.parse_args()
    try:
        study = make_study(options.groundtruth, options.embedder, options.workspace, options.most)
    except (ConfigError, OSError, ValueError) as error:
        sys.exit(f"v2xum: {error}")
    if options.out is not None and (measured := options.out / "smollm2.json").is_file():
        study = study._replace(small_model=json.loads(measured.read_text(encoding="utf-8")))
    if options.out is not None:
        options.out.mkdir(parents=True, exist_ok=True)
        (options.out / "audit.svg").write_text(plot(study), encoding="utf-8")
        (options.out / "audit.md").write_text(page(study), encoding="utf-8")
    print(json.dumps(figures(study)))


def make_study(
    groundtruth: Path | None, encoder: Path | None = None, workspaces: list[str] | None = None, most: int = 250
) -> Study:
    """All figures. Raises ConfigError, OSError and ValueError for files that are missing or broken."""
    config, ngram = AuditConfig(), build_embedder(NgramEmbedder())
    texts = demo_texts(_SCRIPTS)
    people: dict[str, list[Text]] = people_texts(groundtruth / "anet") if groundtruth is not None else {}
    support = {ngram.name: rows({**texts, **people}, ngram.embed, config)}
    if encoder is not None:
        model = build_embedder(TransformersEmbedder(engine="transformers", model=str(encoder), device="cpu"))
        few = people_texts(groundtruth / "anet", most) if groundtruth is not None else {}
        support[f"{encoder.name}, {most} videos"] = rows({**demo_texts(60), **few}, model.embed, config)
    of_model = people.get("V2Xum-LLaMA, a person's text of the video", [])
    marked = human_choices(groundtruth / "anet") if groundtruth is not None else []
    families = choice_families(marked, [(text.frames, text.choice) for text in of_model if text.choice])
    summaries = {"the demo's true summaries": summary_rings(texts["demo, the true summary"])}
    if of_model:
        summaries["V2Xum-LLaMA's summaries"] = summary_rings(of_model)
    summaries["fault: the prompt's example"] = summary_rings(texts["demo, the prompt's example"])
    return Study(
        support,
        dict(_workspace(given, config) for given in workspaces or ()),
        {name: choice_rings(choices) for name, choices in families.items()},
        summaries,
    )


def figures(study: Study) -> dict[str, object]:
    """The figures as one JSON value, shares and supports rounded to 4 digits."""
    tables = {**study.support, "workspaces": study.workspaces}
    shown = ("refused", "awaiting", "contradicted")
    support = {
        f"{embedder}: {name}": {"texts": row.texts, "median": round(row.quantiles[2], 4)}
        | {key: round(getattr(row, key), 4) for key in shown}
        for embedder, each in tables.items()
        for name, row in each.items()
    }
    return {
        "support": support,
        "choices": {name: rings._asdict() for name, rings in study.choices.items()},
        "summaries": {name: rings._asdict() for name, rings in study.summaries.items()},
    }


def _workspace(given: str, config: AuditConfig) -> tuple[str, Row]:
    name, _, folder = given.partition("=")
    if not name or not folder:
        raise ConfigError(f"--workspace {given!r}: write NAME=FOLDER")
    return name, workspace_row(Path(folder), config)


if __name__ == "__main__":
    main()
