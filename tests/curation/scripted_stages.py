"""Stage functions that need no videos: every record follows from the video's id."""

from __future__ import annotations

from collections.abc import Callable

from curation.ledger.ledger import Ledger
from curation.ledger.stages import STAGES
from curation.ledger.standing import StageHashes
from curation.pipeline.process import Inputs, process
from schemas.audit import Audit
from schemas.binding import Binding
from schemas.errors import PermanentError, RefusedError, TransientError
from schemas.records import CaptionSet, Extract, FrameSet, Judgement, Origin, Record, Source, Summary, Video
from tests.curation.hashes import HASHES
from tests.curation.samples import make_sample, sha


def source(video_id: str, uri: str | None = None) -> Source:
    return Source(
        id=video_id, kind="url", uri=uri or f"https://example.org/{video_id}", origin=Origin(list_name="l", row=1)
    )


def sources(count: int) -> list[Source]:
    return [source(f"v{number:03d}") for number in range(count)]


class Works:
    """Scripted stages that count their calls; `trouble` maps (stage, id) to errors raised one after the other."""

    def __init__(
        self, trouble: dict[tuple[str, str], list[Exception]] | None = None, content: Callable[[str], str] = str
    ):
        self.calls: list[tuple[str, str]] = []
        self.trouble = {key: list(errors) for key, errors in (trouble or {}).items()}
        self.content = content

    def stage(self, name: str) -> Callable[[Inputs], Record]:
        def work(inputs: Inputs) -> Record:
            self.calls.append((name, inputs.id))
            errors = self.trouble.get((name, inputs.id))
            if errors:
                raise errors.pop(0)
            whole = make_sample(inputs.id, content=self.content(inputs.id))
            # Each stage reads the records that it needs, so that a missing input raises.
            match name:
                case "download":
                    return whole.video.model_copy(update={"id": inputs.source.id})
                case "filter":
                    return Judgement(scores=inputs.record("download", Video).scores)
                case "frames":
                    return whole.frames.model_copy(update={"video_sha256": inputs.record("download", Video).sha256})
                case "caption":
                    inputs.record("frames", FrameSet)
                    return whole.captions
                case "binding":
                    inputs.record("caption", CaptionSet)
                    return Binding(checked=False)
                case "extract":
                    inputs.record("caption", CaptionSet)
                    return whole.extract
                case "audit":
                    inputs.record("refine", Summary)
                    return Audit(mode="disable")
            inputs.record("extract", Extract)
            return whole.summary

        return work


class Tally:
    """Counts as `curation.pipeline.counts.Counts` does, without Prefect."""

    def __init__(self) -> None:
        self.rows: dict[tuple[str, str], int] = {}

    def advance(self, stage: str, outcome: str) -> None:
        self.rows[stage, outcome] = self.rows.get((stage, outcome), 0) + 1


def run_all(ledger: Ledger, ids: list[str], works: Works, hashes: StageHashes = HASHES, **options: object) -> Tally:
    import threading

    tally = Tally()
    stop = options.pop("stop", None) or threading.Event()
    for name in STAGES.names:
        process(
            name,
            ids,
            ledger=ledger,
            hashes=hashes,
            work=works.stage(name),
            progress=tally,
            stop=stop,
            **options,  # type: ignore[arg-type]
        )
    return tally


ERRORS = {"transient": TransientError, "permanent": PermanentError, "refused": RefusedError}
__all__ = ["ERRORS", "Tally", "Works", "run_all", "sha", "source", "sources"]
