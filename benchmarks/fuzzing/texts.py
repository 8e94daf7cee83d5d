"""Parsers of texts and of decoded values: what models, sites, servers and people say."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from annotation.pull.read_annotation import read_annotation
from annotation.pull.task_data import Unreadable, read_task_data
from annotation.push.task import task_key
from benchmarks.fuzzing.parser import Parser, encoded, of_json, of_text
from curation.audit import judge
from curation.download.metadata import announced, choose_tracks, is_live, read_publication
from curation.release.publish.address import parse_address
from curation.release.versions import parse as parse_version
from curation.sources.addresses import canonical, host_key, is_public, youtube_id
from curation.sources.addresses import parse as parse_source_address
from curation.sources.interpret import interpret
from curation.sources.opt_outs import keys_of
from curation.store import place
from curation.text import caption, extract, refine
from curation.text.ask import BadReply
from curation.text.transcribe.invented import signs
from curation.text.transcribe.subtitles import transcript_of
from evaluation.cases import Prediction
from evaluation.readers.model_text import FORMS, TASKS, from_text
from models.chat import Request
from models.servers.failures import log_line, status_fault
from models.servers.speech_wire import SpeechWriter
from models.servers.wire import read_answer
from prompts import load
from schemas.configuration.loading import parse_override
from schemas.configuration.store_config import store_address
from schemas.configuration.text_config import TranscribeConfig
from schemas.errors import GrammarError, V2XumError
from schemas.kit.retry_after import retry_after
from schemas.kit.wav import wav_of
from schemas.marks import strip_marks
from schemas.parts.heard import Heard
from schemas.parts.transcript import Transcript
from schemas.records import Caption, Origin, Publication, Source, Subtitle, Video
from schemas.safe_text import clean_text, plain, public_url
from schemas.secret_addresses import hide_secrets, without_secrets
from schemas.temporal import parse_seconds, parse_slots, parse_stored
from schemas.temporal_lenient import lenient_seconds, lenient_slots, lenient_spans, lenient_stored, spoken_times
from schemas.time import FrameIndex, Seconds

_STORES = (b"s3://films/data", b"file:///mnt/films", b"simplecache::s3://films/a?key=x", b"abfs://a@b/../c")
TOKEN = {"<f0>": 0.0, "<f1>": 3.0}
_TEXTS = (
    b"[0.0][3.0]A man waves. [5.0]He leaves.",
    rb"[<f0>]A man runs. [<f1>]It says \[12].",
    b"[00][99]A man. [07]A dog.",
    b"A man [00]. A dog [98, 99].",
    b"From 0:03 to 1:05 a man runs, after 3.5 s he stops. [2 - 5 s] A dog.",
)
_CAPTIONS = [
    Caption(
        index=FrameIndex(i), time=Seconds(float(i)), video_sha256="0" * 64, pts=float(i), image_sha256="1" * 64,
        text=f"A red kite number {i} flies over the harbour.",
    )
    for i in range(6)
]  # fmt: skip
_KEYFRAMES = encoded([{"keyframes": [0, 3]}, {"keyframes": [1.0, 2, 5]}])
_SENTENCES = encoded(
    [
        {"sentences": [{"keyframes": [0, 1], "text": "A red kite flies over the harbour."}]},
        {
            "sentences": [
                {"keyframes": [0], "text": "A red kite rises."},
                {"keyframes": [1], "text": "It flies over the harbour."},
            ]
        },
    ]
)
_RATING = {"reason": "Every sentence is in a caption.", "score": 4}
_RATINGS = encoded([dict.fromkeys(("faithful", "complete", "placed", "concise", "fluent"), _RATING)])
_ANSWER = {
    "id": "chatcmpl-1",
    "model": "m",
    "choices": [{"message": {"content": "A red kite.", "refusal": None}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 3, "completion_tokens": 4},
}
_HEARD = {
    "language": "en",
    "segments": [
        {"start": 0.0, "end": 1.5, "text": " A red kite.", "avg_logprob": -0.2, "no_speech_prob": 0.01},
        {"start": 1.5, "end": 9e9, "text": "la la la la", "words": [{"word": "la", "start": 1.5, "end": 1.6}]},
    ],
    "words": [{"word": "A", "start": 0.0, "end": 0.2}],
}
_ADDRESSES = (
    *(b"https://user:pw@example.org:8443/a/b.mp4?X-Amz-Signature=abc&t=1#frag", b"https://youtu.be/AwmHb44_ouw?t=3"),
    *(b"https://www.youtube.com/watch?v=AwmHb44_ouw&list=x", b"http://[::ffff:127.0.0.1]/x", b"http://0x7f.1/"),
    *(b"AwmHb44_ouw", b"films/a.mp4", b"http://xn--bcher-kva.example/%2e%2e/", b"s3://bucket/films", b"owner/name"),
)
_INFO = {
    "title": "Harbour", "uploader": "Ann", "channel": "Ann films", "channel_id": "UC1", "license": "CC BY",
    "upload_date": "20200102", "language": "en", "categories": ["Travel"], "tags": ["a", "b"], "duration": 12.5,
    "chapters": [{"start_time": 0, "end_time": 2.5, "title": "One"}], "webpage_url": "https://example.org/v?token=1",
    "extractor_key": "Generic", "live_status": "was_live", "is_live": False, "filesize": 1000, "direct": False,
    "subtitles": {"en": [{"ext": "vtt", "url": "https://example.org/a.vtt", "protocol": "https"}]},
    "automatic_captions": {"en-US": [{"ext": "json3", "data": "WEBVTT"}]},
}  # fmt: skip
_TRACKS = (
    b"WEBVTT\n\nSTYLE\n::cue{}\n\n1\n00:00:00.000 --> 00:00:02.000 align:start\n<v Ann>One<00:00:01.000><c> two</c>\n"
    b"\n00:00:02.000 --> 00:00:02.010\nOne two\n\n00:00:02.010 --> 00:00:04.000\nOne two\nthree &amp; four\n",
    b"1\r\n00:00:01,000 --> 00:00:02,500\r\n<i>One</i>\r\n{\\an8}two\r\n\r\n2\r\n00:03,000 --> 00:04,000\r\nthree\r\n",
    *encoded(
        [
            {
                "events": [
                    {"tStartMs": 0, "dDurationMs": 1500, "segs": [{"utf8": "One"}, {"utf8": " two", "tOffsetMs": 9}]}
                ]
            }
        ]
    ),
)
_FILM = Video(
    id="v", sha256="a" * 64, bytes=1, extension="mp4", container="mp4", codec="h264", duration=60.0, fps=25.0, width=64,
    height=64, rotation=0, has_audio=True, publication=Publication(),
)  # fmt: skip
_TASK = {
    "id": 5,
    "data": {
        "title": "t", "sample_id": "v7", "content_sha256": "c" * 64, "stratum": "active", "interface": 2,
        "fps": 25.0, "sampled_fps": 1.0, "sampled_frames": 20, "summary": "[0.0]A man waves.\n[3.0]He leaves.",
        "frames": [{"index": 0, "time": 0.0, "caption": "A man."}, {"index": 3, "time": 3.0, "caption": "A dog."}],
    },
}  # fmt: skip


def _choice(name: str, *words: str) -> dict[str, Any]:
    return {"from_name": name, "to_name": "video", "type": "choices", "value": {"choices": list(words)}}


def _area(name: str, *texts: str) -> dict[str, Any]:
    return {"from_name": name, "to_name": "video", "type": "textarea", "value": {"text": list(texts)}}


def _annotations() -> tuple[bytes, ...]:
    from annotation.label_studio.interface import NAMES

    where = {"start": "0", "end": "0", "startOffset": 0, "endOffset": 5}
    result = [
        *(_choice(NAMES.decision, "accept"), _choice(NAMES.reasons, "bad keyframes"), _area(NAMES.comment, "Fine.")),
        *(_area(NAMES.summary, "[0.0]A man waves.\n[3.0]He goes."), _area(NAMES.missed, "0:07 A bird.", "[8.5] x")),
        {"from_name": NAMES.rating, "type": "rating", "value": {"rating": 4}},
        {"id": "r0", "from_name": NAMES.marks, "type": "labels", "value": {**where, "labels": ["keep"]}},
        {"id": "r0", "from_name": NAMES.captions, "type": "textarea", "value": {**where, "text": ["A man waves."]}},
        {
            "id": NAMES.segments, "from_name": NAMES.segments, "type": "timelinelabels",
            "value": {"ranges": [{"start": 1, "end": 25}, {"start": 76, "end": 100}], "timelinelabels": ["keyframe"]},
        },
    ]  # fmt: skip
    annotation = {"id": 9, "unique_id": "9c", "result": result, "lead_time": 31.2, "updated_at": "2026-01-02T03:04:05Z"}
    return encoded([{"task": _TASK, "annotation": annotation}])


def _annotated(value: Any) -> object:
    """A pull of what a server says about a task; tasks and annotations that are no objects never reach the reader."""
    parts = value if isinstance(value, dict) else {}
    task, annotation = parts.get("task"), parts.get("annotation")
    if not (isinstance(task, dict) and isinstance(annotation, dict)):
        return read_task_data(task)
    return read_annotation(task, annotation, "p" * 32, "a1")


def _reply(read: Callable[[str], object]) -> Callable[[bytes, Path], object]:
    """A reader of a model's reply; a reply that the engine could not store is never read."""
    from schemas.kit.utf8 import storable_text

    return of_text(lambda text: read(storable_text(text)))


def _lenient(text: str) -> object:
    return (
        lenient_seconds(text), lenient_spans(text), lenient_stored(text, TOKEN), lenient_slots(text), spoken_times(text)
    )  # fmt: skip


def _in_every_form(text: str) -> Prediction:
    """The text of a model for an evaluation, in all forms and tasks."""
    for form in FORMS:
        for task in TASKS:
            found = from_text("v", text, frames=10, form=form, task=task, token=TOKEN)
    return found.prediction


def _info(value: Any) -> object:
    info = value if isinstance(value, dict) else {"title": value}
    publication = read_publication(info)
    source = Source(id="v", kind="url", uri="https://example.org/v", origin=Origin(list_name="list", row=1))
    keys_of(source, publication)
    return publication, is_live(info), announced(info, "filesize"), choose_tracks(info, ("en", "de"))


def _note(data: bytes, folder: Path) -> object:
    (folder / place.NOTE).write_bytes(data)
    return place._read(folder)


def parsers() -> tuple[Parser, ...]:
    """The parsers of texts and values."""
    prompts = {name: load(f"{name}.v1") for name in ("caption", "extract", "refine")}
    lines = [refine.Line((c.time,), c.text) for c in _CAPTIONS[:2]]
    window = extract._Window(_CAPTIONS, extract.Bounds(1, 2, 4))
    refusals = (BadReply,)
    return (
        Parser("grammar: annotation form", of_text(parse_seconds), _TEXTS, (GrammarError,)),
        Parser("grammar: stored form", of_text(partial(parse_stored, token=TOKEN)), _TEXTS, (GrammarError,)),
        Parser("grammar: slots", of_text(parse_slots), _TEXTS, (GrammarError,)),
        Parser("grammar: lenient", of_text(_lenient), _TEXTS, ()),
        Parser("evaluation: a model's text", of_text(_in_every_form), _TEXTS, ()),
        Parser("texts that are shown", of_text(lambda t: (plain(t), clean_text(t), strip_marks(t))), _TEXTS, ()),
        Parser("reply: caption", _reply(lambda t: caption.read_caption(t, prompts["caption"])), _TEXTS, refusals),
        Parser("reply: extract", _reply(lambda t: extract._read_reply(window, t, [[0, 1, 2]])), _KEYFRAMES, refusals),
        Parser(
            "reply: refine",
            _reply(lambda t: refine._read_reply(lines, t, prompts["refine"], None)),
            _SENTENCES,
            refusals,
        ),
        Parser("reply: judge", _reply(judge._read_reply), _RATINGS, refusals),
        Parser("server: chat completion", lambda data, _: read_answer(data, "v2x0", "m", 1000), encoded([_ANSWER]), ()),
        Parser("server: transcription", _heard, encoded([_HEARD, {"text": "A red kite."}]), ()),
        Parser(
            "server: error",
            lambda data, _: log_line(status_fault(500, data, None, "k").reason, "k"),
            encoded([{"error": {"message": "no"}}]),
            (),
        ),
        Parser(
            "server: Retry-After", of_text(lambda t: retry_after(t, 0.0)), (b"3", b"Wed, 21 Oct 2026 07:28:00 GMT"), ()
        ),
        Parser("address: of a source", of_text(_address), _ADDRESSES),
        Parser("address: in a list", of_text(lambda t: interpret(t, Path("/nowhere"))), _ADDRESSES),
        Parser("address: of a publication", of_text(parse_address), _ADDRESSES),
        Parser("address: of a store", of_text(store_address), _STORES, (ValueError,)),
        Parser("note: where a store is", _note, encoded([{"address": "s3://films/a", "cache_gigabytes": 3.5}])),
        Parser(
            "address: without secrets",
            of_text(lambda t: (without_secrets(t), hide_secrets(t), public_url(t))),
            _ADDRESSES,
            (),
        ),
        Parser("address: an IP", of_text(is_public), (b"10.0.0.1", b"::ffff:8.8.8.8", b"fe80::1%eth0"), ()),
        Parser("yt-dlp: info dictionary", of_json(_info), encoded([_INFO]), ()),
        *(Parser(f"subtitles: {form}", _subtitles(form), _TRACKS, ()) for form in ("vtt", "srt", "json3")),
        Parser("Label Studio: annotation", of_json(_annotated), _annotations(), (Unreadable,)),
        Parser("Label Studio: key of a task", of_json(task_key), encoded([_TASK["data"]]), ()),
        Parser("command line: --set", of_text(parse_override), (b"a.b=1", b"frames.fps=[1, {a: 2}]", b"x=!!int 3")),
        Parser("version", of_text(parse_version), (b"0.1.0", b"1.0.0-rc.1+x")),
    )


def _subtitles(form: str) -> Callable[[bytes, Path], object]:
    """A reader of a track that is the only one of its video; whatever it holds, it gives a transcript."""

    def read(data: bytes, _folder: Path) -> object:
        track = Subtitle(language="en", automatic=True, sha256="a" * 64, format=form)
        found = transcript_of(_FILM.model_copy(update={"subtitles": (track,)}), lambda _: data, TranscribeConfig())
        assert [s.start for s in found.segments] == sorted(s.start for s in found.segments)
        assert all(s.start <= s.end and "\n" not in s.text for s in found.segments)
        return Transcript.model_validate_json(found.canonical())

    return read


def _heard(data: bytes, _folder: Path) -> object:
    """What a recogniser's answer says of two seconds of sound, with its signs of invention."""
    reply, _ = SpeechWriter("m").read(data, "", Request("", sound=wav_of(bytes(64_000))))
    if reply is None:
        return None
    heard = Heard.model_validate_json(reply.text)
    return heard, signs(heard, 2.0)


def _address(text: str) -> object:
    try:
        return parse_source_address(text), canonical(text), youtube_id(text), host_key(text)
    except V2XumError:
        return youtube_id(text), host_key(text)
