"""Reads VideoXum's annotation files, `{train,val,test}_videoxum.json` of huggingface.co/datasets/jylins/videoxum.

    {"video_id": "v_...", "duration": 82.73, "sampled_frames": 83, "timestamps": [[0.83, 19.86], ...],
     "tsum": ["A sentence a segment.", ...], "vsum": [[[7.01, 12.37], ... ten], ...],
     "vsum_onehot": [[0, 1, ...], ... ten]}

Ten people shortened every segment. `vsum_onehot` (10, T) says which of the T frames at 1 fps each of them kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from evaluation.cases import Reference, References, TimedSentence
from evaluation.readers.records import (
    MAX_FRAMES,
    BadRecord,
    Object,
    flags_of,
    list_of,
    load_rows,
    number_of,
    numbers_of,
    read_all,
    record_id,
    text_of,
)


def read_videoxum(path: Path, split: str | None = None) -> References:
    """Read references: T from `sampled_frames`, `selections` (10, T), and one text of the segments' sentences.

    A space stands between the sentences. VideoXum's code joins them without a space (some begin with one); the PTB
    tokens are those of a text with the space. `split`: None takes the split from the file's name. Records whose parts
    contradict each other are left out; `timestamps` that do not fit the sentences are, too. Raises ConfigError.
    """
    name = split or next((s for s in ("train", "val", "test") if path.stem.startswith(s)), None)

    def reference(id_: str, record: Object) -> Reference:
        frames = number_of(record.get("sampled_frames"), "sampled_frames", 1, MAX_FRAMES)
        kept = flags_of(record.get("vsum_onehot"), "vsum_onehot", 2)
        if kept.shape[1] != frames:
            raise BadRecord("wrong_length", f"vsum_onehot has {kept.shape[1]} frames of {frames:g}")
        sentences = [text_of(text, "a sentence of tsum").strip() for text in list_of(record.get("tsum"), "tsum")]
        text = " ".join(sentence for sentence in sentences if sentence)
        timed, texts = _timed(record, sentences), (text,) if text else ()
        return Reference(id_, kept.shape[1], selections=kept, texts=texts, split=name, sentences=timed)

    return read_all(path, load_rows(path), lambda row: record_id(path, row, "video_id"), reference)


def _timed(record: Object, sentences: Sequence[str]) -> tuple[TimedSentence, ...]:
    """The sentences with their times; () where these are not one span for each, since no evaluation needs them."""
    try:
        spans = numbers_of(record.get("timestamps"), "timestamps", 2)
    except BadRecord:
        return ()
    if spans.shape != (len(sentences), 2) or (spans < 0).any() or (spans[:, 0] > spans[:, 1]).any():
        return ()
    return tuple(
        TimedSentence(start, end, text) for (start, end), text in zip(spans.tolist(), sentences, strict=True) if text
    )
