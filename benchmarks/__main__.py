"""`python -m benchmarks NAME [OPTIONS]` runs one benchmark in this process; without a name, all that are quick.

A benchmark is imported only when it runs, because child processes that decode import this module again.
"""

from __future__ import annotations

import argparse
import importlib
import subprocess
import sys

ALL = (
    *("start", "ledger", "orchestration", "memory", "release", "refresh", "frames", "client", "serving"),
    *("video_metrics", "text_metrics", "crossmodal", "uncertainty", "audit", "smollm2"),
    *("training_data", "v2xum_step"),
)
# Benchmarks that are folders.
MODULES = {
    **{"client": "serving.client", "serving": "serving.capacity"},
    **{"protocols": "protocol_study.run", "audit": "audit_study.run", "splits": "split_study.run"},
    **{"browse": "browse_page.run", "formats": "format_study.run"},
    **{"smollm2": "smollm2_study.curation", "smollm2_page": "smollm2_study.run"},
    **{"training_data": "training.data", "v2xum_step": "training.v2xum_step"},
    **{"local_attention": "attention_study.run", "proof": "proof_study.run"},
    **{"saliency_study": "saliency_study.run", "speech": "speech.run", "speech_server": "speech.server"},
    **{"speech_study": "speech_study.run", "speech_training": "speech_study.training"},
    **{"denoiser": "speech.denoiser", "clip_study": "clip_study.run"},
    **{"ocr_study": "ocr_study.run", "faces": "face_study.run"},
    **{"fuzzing": "fuzzing.run", "nodes": "nodes.run", "chaos": "nodes.chaos", "shared_ledger": "shared_ledger.run"},
    **{"stack": "stack.run"},
    **{"scale": "scaling.run"},
    **{"publish": "publishing.sent_bytes", "publish_kills": "publishing.kills"},
}
# These need a quarter of an hour (one with Label Studio, one with Chromium), PostgreSQL, data outside the repository,
# other packages, or an hour of an idle machine.
OTHERS = (
    *("review", "pull", "protocols", "kills", "coverage", "splits", "browse", "formats"),
    *(
        "publish",
        "publish_kills",
        "local_attention",
        "smollm2_page",
        "proof",
        "saliency_study",
        "speech",
        "speech_server",
        "speech_study",
        "speech_training",
        "clip_study",
        "ocr_study",
        "faces",
        "denoiser",
        "fuzzing",
        "nodes",
        "chaos",
        "scale",
        "shared_ledger",
        "stack",
    ),
)


def main() -> None:
    """Run what the arguments name. Options after the name are the benchmark's own; `NAME --help` lists them."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Measures speed against a named baseline in the same minutes.",
        epilog="Without a name these run, one after the other: " + ", ".join(ALL) + ".",
    )
    parser.add_argument("name", nargs="?", choices=(*ALL, *OTHERS), help="the benchmark; its options follow it")
    name = parser.parse_args(sys.argv[1:2]).name
    if name is not None:
        del sys.argv[1]
        importlib.import_module(f"benchmarks.{MODULES.get(name, name)}").main()
        return
    for each in ALL:
        print(each, end=" ", flush=True)
        subprocess.run([sys.executable, "-m", "benchmarks", each, "--json"], check=True)


if __name__ == "__main__":
    main()
