"""Parsers of single files: lists, configurations, cookies, references and predictions, notes of a workspace."""

from __future__ import annotations

import io
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from annotation.gold_answers import read_answers
from annotation.label_studio.access import read_access
from benchmarks.fuzzing import arrays
from benchmarks.fuzzing.parser import Parser, encoded, of_file
from curation.download import credentials
from curation.release.formats.reading import NotRecords, read_array, read_json, read_lines
from curation.release.splits.known import read_benchmark
from curation.sources.opt_outs import read_opt_outs
from curation.sources.read import read_sources
from curation.video.sandbox import Sandbox
from evaluation.cases import Reference
from evaluation.compare import read_evaluation
from evaluation.published_tables import read_published_tables
from evaluation.readers.any import read_references, read_system
from evaluation.readers.folds import read_splits
from evaluation.readers.published_results import read_names, read_results, read_shots_of
from evaluation.readers.summe import read_annotations, read_shots
from evaluation.readers.tvsum import read_summaries
from flows.local.ablations import read_rows
from models.decode_picture import decode_picture
from pages.thumbnails import thumbnail
from schemas.configuration.loading import load_config, load_train_config
from schemas.configuration.video_config import SourceSpec
from schemas.repository import ROOT

REFERENCES = [Reference(name, 10, aliases=(f"video_{place}",)) for place, name in enumerate(("v", "w", "x"), 1)]
_LIST = (
    b'id,url,title\na1,https://example.org/a.mp4,A film\nb2,https://youtu.be/AwmHb44_ouw,"Quoted, ""title"""\n',
    b"video_id,link\nx,https://example.org/x.webm\n,\ny,not an address\n",
)
_ROWS: list[dict[str, Any]] = [
    {"id": "a", "url": "https://example.org/a.mp4", "title": "A"},
    {"url": "AwmHb44_ouw", "n": 3, "tags": ["x"]},
]
_META = {"duration": 4.0, "sampled_frames": 4, "token": {"<f0>": 0.0, "<f1>": 3.0}}
_INSTRUCT = [
    {
        "id": "v", "meta": _META, "vsum_onehot": [1, 0, 0, 1],
        "conversations": [
            {"from": "human", "value": "<video>\nPlease generate BOTH ..."},
            {"from": "gpt", "value": r"[<f0>]A man runs. [<f1>]It says \[12]."},
        ],
    }
]  # fmt: skip
_VIDEOXUM = [
    {
        "video_id": "v", "duration": 2.7, "sampled_frames": 3, "timestamps": [[0.0, 1.0], [1.0, 2.0]], "vsum": [],
        "tsum": ["A man runs.", " He stops."], "vsum_onehot": [[1, 0, 0]] * 9 + [[0, 1, 1]],
    }
]  # fmt: skip
_DENSE = {"v_a": {"duration": 2.0, "timestamps": [[0, 1]], "sentences": ["One."]}}
_EVALUATION = {
    "version": 1, "problems": [{"id": "v", "reason": "r", "detail": "d", "counted": "worst"}], "counts": {"videos": 1},
    "provenance": {
        "protocol": "v2xum", "choices": {"folds": 5, "x": None}, "references": "r.json", "references_sha256": "0" * 64,
        "predictions": {"a": "1" * 64}, "interval": "95 %", "seed": 0, "software": {"numpy": "2"},
    },
    "systems": [
        {
            "name": "a", "kind": "system", "metrics": [{"name": "F1", "unit": "fraction", "value": 0.5, "videos": 1}],
            "videos": [{"id": "v", "values": {"F1": 0.5, "tau": None}, "sums": {"BLEU": [1.0, 2.0]}}],
        }
    ],
}  # fmt: skip
_CAPTIONED: dict[str, Any] = {
    "video_id": "v_a", "video": "v_a", "duration": 2.0, "timestamps": [[0.0, 1.0]], "sentences": ["One."],
    "caption": "a",
}  # fmt: skip
_PREDICTIONS: tuple[Any, ...] = (
    [{"id": "v", "text": "[00]A man. [99]A dog."}, {"id": "w", "selected": [0, 3], "text": "A.", "task": "v2t"}],
    [{"id": "v", "scores": [0.1] * 10, "slots": 100}, {"id": "x", "slot_probabilities": {"0": 0.5, "99": 0.1}}],
    [{"video_filename": "v.mp4", "summary": "A man [00]. A dog [98, 99]."}],
    [{"prompt": "p", "predict": "[00]A man.", "label": "[00]A."}] * 3,
    [{"doc_id": 0, "filtered_resps": ["[00]A man."], "doc": {"id": "v"}}],
    {"video_1": [0.5] * 10, "w": [0, 1] * 5},
)


def _parquet(rows: list[dict[str, Any]]) -> bytes:
    stream = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows), stream)
    return stream.getvalue()


def _picture(kind: str) -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (64, 36), (90, 20, 200)).save(stream, kind)
    return stream.getvalue()


def _sources(path: Path) -> object:
    return read_sources(SourceSpec(at=str(path)), base=path.parent)


def _evaluated(path: Path) -> object:
    return read_references([path])


def _system(path: Path) -> object:
    return read_system(path, REFERENCES)


@cache
def children() -> Sandbox:
    """The child that reads MATLAB files; whoever reads some closes it in the end."""
    return Sandbox()


def _summe(path: Path) -> object:
    return read_annotations(path, children())


def _list(name: str, seeds: tuple[bytes, ...]) -> Parser:
    return Parser(f"list of sources: {name}", of_file(f"list.{name}", _sources), seeds)


def _configurations(folder: str) -> tuple[bytes, ...]:
    found = sorted((ROOT / "configs" / folder).glob("*.yaml"))
    return tuple(path.read_text().replace("../" * (1 + bool(folder)), f"{ROOT}/").encode() for path in found)


def _file(name: str, file: str, function: Callable[[Path], object], seeds: tuple[bytes, ...]) -> Parser:
    return Parser(name, of_file(file, function), seeds)


def parsers() -> tuple[Parser, ...]:
    """The parsers of files."""
    from schemas.errors import PermanentError

    lines = b"\n".join(encoded(_ROWS)) + b"\n"
    splits = [{"train_keys": ["d/x.h5/video_1", "video_2"], "test_keys": ["video_3"]}] * 2
    opted = (
        b'{"id": "a"}\n{"channel": "https://example.org/channel/UC1", "note": "x"}\n'
        b'{"address": "https://youtu.be/AwmHb44_ouw", "lifted": true}\n'
    )
    cookies = b"# Netscape HTTP Cookie File\n.example.org\tTRUE\t/\tTRUE\t1999999999\tname\tvalue\n"
    return (
        _list("csv", _LIST),
        _list("tsv", tuple(seed.replace(b",", b"\t") for seed in _LIST)),
        _list("jsonl", (lines,)),
        _list("txt", (b"https://example.org/a.mp4\n# note\nAwmHb44_ouw\n/films/b.mkv\n",)),
        _list("parquet", (_parquet(_ROWS[:1] * 3),)),
        _file("list of opt-outs", "out.jsonl", read_opt_outs, (opted,)),
        _file("configuration: curate", "c.yaml", load_config, _configurations("")),
        _file("configuration: train", "t.yaml", load_train_config, _configurations("train")),
        _file("configuration: ablations", "r.yaml", read_rows, _configurations("train/ablations")),
        _file(
            "published tables",
            "p.yaml",
            lambda p: read_published_tables(p.parent),
            tuple(p.read_bytes() for p in sorted((ROOT / "data/published").glob("*.yaml"))),
        ),
        _file("cookies", "cookies.txt", credentials._cookies, (cookies,)),
        _file("references: Instruct-V2Xum", "test.json", _evaluated, encoded([_INSTRUCT])),
        _file("references: VideoXum", "test_videoxum.json", _evaluated, encoded([_VIDEOXUM])),
        _file("references: ActivityNet", "val.json", _evaluated, encoded([_DENSE])),
        _file(
            "references: JSON lines",
            "rows.jsonl",
            _evaluated,
            encoded([{"qid": 1, "query": "One.", "duration": 2.0, "vid": "v_a", "relevant_windows": [[0, 1]]}]),
        ),
        _file("references: Parquet", "rows.parquet", _evaluated, (_parquet([_CAPTIONED]), _parquet(_ROWS[:1]))),
        _file("references: eccv16 (.h5)", "eccv16_tvsum.h5", _evaluated, arrays.eccv16()),
        _file("references: TVSum (.mat)", "ydata-tvsum50.mat", _evaluated, arrays.tvsum()),
        _file("references: TVSum (.tsv)", "ydata-tvsum50-anno.tsv", _evaluated, arrays.TSV),
        _file(
            "references: summaries of TVSum", "s.json", read_summaries, encoded([{"user_summary": [[1, 0], [0, 1]]}])
        ),
        _file("references: SumMe (.mat)", "Jumps.mat", _summe, arrays.summe())._replace(examples=10),
        _file("references: shots", "a.h5", lambda path: read_shots(path.parent), arrays.results()),
        _file("predictions: JSON", "p.json", _system, encoded(_PREDICTIONS)),
        _file(
            "predictions: JSON lines",
            "p.jsonl",
            _system,
            tuple(b"\n".join(encoded(p)) for p in _PREDICTIONS if isinstance(p, list)),
        ),
        _file("predictions: HDF5", "p.h5", _system, (*arrays.scores(), *arrays.results())),
        _file("published results", "p.h5", lambda p: (read_results(p), read_shots_of(p)), arrays.results()),
        _file(
            "published names", "video_names.json", read_names, encoded([{"Bike Polo": "video_4", "Jumps": "video_12"}])
        ),
        _file("folds: JSON", "f.json", read_splits, encoded([splits])),
        _file(
            "folds: YAML",
            "f.yml",
            read_splits,
            (b"- train_keys: [a/video_1, b]\n  test_keys: [c]\n", *encoded([splits])),
        ),
        _file("folds: text", "f.txt", read_splits, (b"TVSum/0/video_1,video_2/video_3\n",)),
        _file(
            "benchmark's list",
            "b.json",
            read_benchmark,
            (*encoded([_VIDEOXUM, {"v_AwmHb44_ouw": {}}, ["a.mp4"]]), b"AwmHb44_ouw\nBase jumping\n"),
        ),
        _file(
            "evaluation's document",
            "e.json",
            read_evaluation,
            encoded([_EVALUATION]),
        ),
        Parser("format: JSON", of_file("f.json", read_json), encoded([_ROWS]), (NotRecords,)),
        Parser("format: JSON lines", of_file("f.jsonl", read_lines), (lines,), (NotRecords,)),
        Parser(
            "format: array",
            of_file("f.json", read_array),
            (b"[\n" + b",\n".join(encoded(_ROWS)) + b"\n]\n",),
            (NotRecords,),
        ),
        Parser(
            "picture", lambda data, _: decode_picture(data).size, (_picture("JPEG"), _picture("PNG")), (PermanentError,)
        ),
        Parser("picture of a page", lambda data, _: thumbnail(lambda: data), (_picture("JPEG"), _picture("PNG")), ()),
        _file(
            "note: access to Label Studio",
            "review/access.json",
            lambda p: read_access(p.parent.parent),
            encoded([{"url": "http://127.0.0.1:8080", "token": "t"}]),
        ),
        _file(
            "note: gold answers",
            "review/gold.json",
            lambda p: read_answers(p.parent.parent),
            encoded([{"key": "0" * 64, "answers": {}}]),
        ),
    )
