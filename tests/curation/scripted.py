"""Chat models that answer by a rule, good and bad ones: real engines in memory behind the ChatModel protocol."""

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Sequence

import jsonschema

from models.chat import Arrived, Reply, Request
from models.embedding.sentences import NgramEmbedder
from prompts import Prompt
from schemas.records import Caption, CaptionSet, Frame, FrameSet, Maker, Publication, Video

LINE = re.compile(r"^\[([0-9.,]+)\] (.*)$", re.MULTILINE)
EMBEDDER = NgramEmbedder(4096)
MAKER = Maker(prompt="p.v1", prompt_sha256="0" * 64, model="m", revision="r", sampling={})

# A rule returns the text of the reply, or the text and the finish reason.
Rule = Callable[[Request], str | tuple[str, str]]


class Scripted:
    """Answers by `rule`; a token is a word. `calls` keeps the requests of each call in order."""

    name, revision, whole_batches = "scripted", "rule-1", False

    def __init__(self, rule: Rule, context: int = 10**6, batch: int = 4) -> None:
        self.rule, self.context, self.batch = rule, context, batch
        self.sampling = {"temperature": 0.0, "seed": 0}
        self.calls: list[list[Request]] = []

    @property
    def requests(self) -> list[Request]:
        return [request for call in self.calls for request in call]

    def count_tokens(self, text: str) -> int:
        return len(text.split())

    def complete(self, requests: Sequence[Request], arrived: Arrived | None = None) -> list[Reply]:
        assert len(requests) <= self.batch
        self.calls.append(list(requests))
        replies = []
        for request in requests:
            assert self.count_tokens(request.text) + request.max_tokens <= self.context
            answer = self.rule(request)
            text, finish = answer if isinstance(answer, tuple) else (answer, "stop")
            replies.append(Reply(text, finish, self.count_tokens(request.text), len(text.split())))
        return replies


def lines_of(request: Request) -> list[tuple[list[float], str]]:
    """The times and captions that a model reads in a prompt."""
    return [([json.loads(t) for t in times.split(",")], text) for times, text in LINE.findall(request.text)]


def limits_of(request: Request) -> tuple[int, int]:
    array = request.schema["properties"]["keyframes"]
    return array["minItems"], array["maxItems"]


def choosing(word: str) -> Rule:
    """A good model: it chooses the captions that hold `word`, shortened or filled up to the limits of the schema."""

    def rule(request: Request) -> str:
        low, high = limits_of(request)
        lines = lines_of(request)
        chosen = [times[0] for times, text in lines if word in text]
        others = [times[0] for times, text in lines if word not in text]
        return json.dumps({"keyframes": sorted((chosen + others[: max(0, low - len(chosen))])[:high])})

    return rule


def greedy(request: Request) -> str:
    """Chooses as many keyframes as the schema allows."""
    return json.dumps({"keyframes": [times[0] for times, _ in lines_of(request)][: limits_of(request)[1]]})


def stingy(request: Request) -> str:
    """Chooses as few keyframes as the schema allows."""
    return json.dumps({"keyframes": [times[0] for times, _ in lines_of(request)][: limits_of(request)[0]]})


def line_by_line(request: Request) -> str:
    """Writes one sentence for each line."""
    return json.dumps({"sentences": [{"keyframes": t, "text": f"Then {text}."} for t, text in lines_of(request)]})


def arbitrary(request: Request) -> str:
    """A valid choice that depends on a hash of the request."""
    low, high = limits_of(request)
    seconds = request.schema["properties"]["keyframes"]["items"]["enum"]
    ranked = sorted(seconds, key=lambda s: hashlib.sha256(f"{s}{request.text}{request.variant}".encode()).digest())
    count = low + int(hashlib.sha256(request.text.encode()).hexdigest(), 16) % (high - low + 1)
    return json.dumps({"keyframes": ranked[:count]})


def after(bad: Iterable[str | tuple[str, str]], good: Rule) -> Rule:
    """Bad replies to the first variants of every request, then good replies."""
    replies = list(bad)
    return lambda request: replies[request.variant] if request.variant < len(replies) else good(request)


def valid(request: Request, text: str) -> bool:
    """Whether a reply fits the request's schema, by an independent validator."""
    return jsonschema.Draft202012Validator(request.schema).is_valid(json.loads(text))


def prompt(text: str, *variables: str) -> Prompt:
    return Prompt("test.v1", text, hashlib.sha256(text.encode()).hexdigest(), frozenset(variables))


EXTRACT_PROMPT = prompt("{{ minimum }} to {{ maximum }}\n{{ captions }}", "captions", "minimum", "maximum")
REFINE_PROMPT = prompt("Rewrite\n{{ lines }}", "lines")
CAPTION_PROMPT = prompt("Describe")


def picture(index: int) -> bytes:
    return f"picture {index}".encode()


def make_video() -> Video:
    return Video(
        id="v",
        sha256="a" * 64,
        bytes=1,
        extension="mp4",
        container="mp4",
        codec="h264",
        duration=10.0,
        fps=25.0,
        width=64,
        height=64,
        rotation=0,
        has_audio=False,
        publication=Publication(),
    )


def make_frames(same_as: Sequence[int | None], fps: float = 1.0) -> FrameSet:
    """Frames whose picture is `picture(index)`; same_as[i] is the representative of frame i, or None."""
    frames = tuple(
        Frame(
            index=i,
            time=i / fps,
            pts=i / fps + 0.02,
            sha256=hashlib.sha256(picture(i)).hexdigest(),
            phash="0" * 16,
            shot=0,
            same_as=same,
        )
        for i, same in enumerate(same_as)
    )
    return FrameSet(
        video_sha256="a" * 64,
        backend="pyav",
        fps=fps,
        width=64,
        height=64,
        frames=frames,
        shots=((0, len(frames) - 1),),
    )


def make_captions(texts: Sequence[str | None], fps: float = 1.0) -> CaptionSet:
    """The captions of frames 0, 1, ...; None for a frame without a caption."""
    captions = tuple(
        Caption(
            index=i,
            time=i / fps,
            video_sha256="a" * 64,
            pts=i / fps,
            image_sha256=hashlib.sha256(picture(i)).hexdigest(),
            text=text,
        )
        for i, text in enumerate(texts)
        if text is not None
    )
    return CaptionSet(maker=MAKER, captions=captions)
