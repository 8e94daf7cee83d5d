"""The stages bound to the services of a run: each takes a video's inputs and returns its record."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from types import TracebackType

from curation.audit.audit import Tools, audit
from curation.binding.guard import BindingGuard
from curation.download.fetch import fetch
from curation.download.host_pacing import Hosts
from curation.frames.pictures import Pictures
from curation.ledger.ledger import Ledger
from curation.ledger.standing import StageHashes
from curation.pipeline.budget import Budget
from curation.pipeline.process import Inputs
from curation.pipeline.settings import _hash, _identity
from curation.pipeline.shared_property import shared_property
from curation.pipeline.stage_functions import Work
from curation.sources.filters import judge_publication, judge_video, refuse
from curation.store.store import Store
from curation.text import caption as captions
from curation.text import extract, refine
from curation.video.probe import probe_safely
from curation.video.sandbox import Sandbox
from models.build import build_chat_model, build_clip, build_embedder
from models.chat import ChatModel, Embedder
from models.clip import Clip
from models.identity import identify_clip, identify_embedder
from models.meter import Meter
from models.reply_cache import CachedModel
from prompts import Prompt, load
from schemas.audit import Audit
from schemas.binding import Binding
from schemas.config import CurateConfig
from schemas.errors import Interrupted
from schemas.model_config import ChatConfig
from schemas.records import CaptionSet, Extract, FrameSet, Judgement, Record, Summary, Video
from schemas.time import FrameIndex


class Services:
    """What the stages are handed: configuration, store, models, child processes. Heavy parts open when first used."""

    def __init__(self, config: CurateConfig, ledger: Ledger, store: Store) -> None:
        """Bind a configuration to a workspace's ledger and store. Raises PromptError for a missing prompt."""
        self.config = config
        self.ledger = ledger
        self.store = store
        self.stop = threading.Event()
        self.meter = Meter()
        self.budget: Budget | None = None
        self.transferred: Callable[[int], None] = lambda count: None
        self.hosts = Hosts(config.download)
        self.prompts: Mapping[str, Prompt] = {
            "caption": load(config.caption.prompt),
            "extract": load(config.extract.prompt),
            "refine": load(config.refine.prompt),
            **({"judge": load(config.audit.judge_prompt)} if config.models.judge is not None else {}),
        }

    def __enter__(self) -> Services:
        """Use as a context manager, so that child processes end with the run."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the child processes, if any were started, and the connections to model servers.

        No thread works any more: what the last ones wrote after a binding alarm is withdrawn, too.
        """
        for name in ("captioner", "summarizer", "judge"):
            model = self.__dict__.get(name)
            if isinstance(model, CachedModel):
                model.close()
        if "sandbox" in self.__dict__:
            self.sandbox.close()
        if "binding" in self.__dict__:
            self.binding.settle()

    @shared_property
    def sandbox(self) -> Sandbox:
        """Child processes that decode."""
        return Sandbox(self.config.run.decode_workers, raise_if_stopped=self.raise_if_stopped)

    @shared_property
    def captioner(self) -> ChatModel:
        """The vision-language model, behind the reply cache."""
        return self._chat(self.config.models.captioner)

    @shared_property
    def summarizer(self) -> ChatModel:
        """The language model, behind the reply cache."""
        return self._chat(self.config.models.summarizer)

    @shared_property
    def judge(self) -> ChatModel | None:
        """The model that judges finished samples, behind the reply cache; None where none is configured."""
        return self._chat(self.config.models.judge) if self.config.models.judge is not None else None

    @shared_property
    def embedder(self) -> Embedder:
        """The sentence embedder."""
        return build_embedder(self.config.models.embedder)

    @shared_property
    def clip(self) -> Clip | None:
        """Pictures and texts in one space, for the audits; None where none is configured."""
        return build_clip(self.config.models.clip) if self.config.models.clip is not None else None

    @shared_property
    def binding(self) -> BindingGuard:
        """The watch over captions and the frames that they are attached to."""
        report = self.store.root.parent / "report"
        return BindingGuard(self.config, self.ledger, lambda: self.pictures, lambda: self.clip, report)

    @shared_property
    def pictures(self) -> Pictures:
        """The sampled pictures, made again from the video where they were not kept."""
        return Pictures(self.store, self.config.frames, self.sandbox)

    @shared_property
    def settings(self) -> StageHashes:
        """Per stage a hash of all its results depend on, and the rules of `review`; no weights are loaded for it."""
        c = self.config
        captioner, summarizer = _identity(c.models.captioner), _identity(c.models.summarizer)
        prompts = {name: prompt.sha256 for name, prompt in self.prompts.items()}
        network = {"attempts", "backoff", "pace", "timeout", "wall_seconds"}
        limits = {"keep", "wall_seconds", "memory_megabytes"}
        return {
            "policy": _hash(c.filters.model_dump(), c.download.allow_private_addresses, c.download.schemes),
            "download": _hash(c.download.model_dump(exclude=network)),
            "filter": _hash(c.filters.model_dump()),
            "frames": _hash(c.frames.model_dump(exclude=limits)),
            "caption": _hash(c.caption.model_dump(), prompts["caption"], captioner),
            "binding": self._binding_settings(),
            "extract": _hash(c.extract.model_dump(), prompts["extract"], summarizer),
            "refine": _hash(c.refine.model_dump(), prompts["refine"], summarizer, identify_embedder(c.models.embedder)),
            "audit": self._audit_settings(),
            "review": c.review.model_dump_json(),  # no hash: the rules themselves, for curation.review.applied
        }

    def _binding_settings(self) -> str:
        """What the figures of a video depend on; the limits decide about runs and not about videos."""
        models, binding = self.config.models, self.config.binding
        if binding.mode == "disable":
            return _hash(binding.mode)
        return _hash(binding.sample, binding.others, identify_clip(models.clip) if models.clip is not None else None)

    def _audit_settings(self) -> str:
        models, audits = self.config.models, self.config.audit
        if audits.mode == "disable":
            return _hash(audits.mode)
        return _hash(
            audits.model_dump(),
            identify_embedder(models.embedder),
            identify_clip(models.clip) if models.clip is not None else None,
            (self.prompts["judge"].sha256, _identity(models.judge)) if models.judge is not None else None,
        )

    def raise_if_stopped(self) -> None:
        """Called where long work passes by often, so that a stop takes seconds and not a whole video."""
        if self.stop.is_set():
            raise Interrupted("stopped within a video; the same command goes on from here")
        if "binding" in self.__dict__:
            self.binding.raise_if_stopped()
        if self.budget is not None:
            self.budget.check(self.meter.read())

    def _chat(self, model: ChatConfig) -> ChatModel:
        return CachedModel(
            build_chat_model(model, self.meter, self.raise_if_stopped), self.ledger, self.meter, self.raise_if_stopped
        )

    def work(self, stage: str) -> Work:
        """The function of a stage."""
        works: dict[str, Work] = {
            "download": self._download,
            "filter": self._filter,
            "frames": self._frames,
            "caption": self._caption,
            "binding": self._binding,
            "extract": self._extract,
            "refine": self._refine,
            "audit": self._audit,
        }
        chosen = works[stage]

        def checked(inputs: Inputs) -> Record:
            self.raise_if_stopped()  # between two videos too, where no model is asked
            return chosen(inputs)

        return checked

    def _download(self, inputs: Inputs) -> Video:
        config = self.config
        came = 0

        def progress(done: int, _total: int | None) -> None:
            nonlocal came
            self.raise_if_stopped()
            if done > came:
                self.transferred(done - came)
                came = done

        with self.meter.waiting("download"):
            return fetch(
                inputs.source,
                config.download,
                config.filters,
                self.store,
                hosts=self.hosts,
                probe=lambda path: probe_safely(path, self.sandbox),
                progress=progress,
            )

    def _picture(self, video: Video, frames: FrameSet, index: FrameIndex) -> bytes:
        self.raise_if_stopped()
        self.meter.frame()
        with self.meter.waiting("decode"):  # a file as a rule; decoded again where it was not kept
            return self.pictures.read(video, frames, index)

    def _filter(self, inputs: Inputs) -> Judgement:
        video = inputs.record("download", Video)
        scores = judge_publication(inputs.source, video.publication, self.config.filters)
        scores += judge_video(video, self.config.filters)
        refuse(scores)
        return Judgement(scores=scores)

    def _frames(self, inputs: Inputs) -> FrameSet:
        with self.meter.waiting("decode"):
            return self.pictures.sample(inputs.record("download", Video))

    def _caption(self, inputs: Inputs) -> CaptionSet:
        video, frames = inputs.record("download", Video), inputs.record("frames", FrameSet)
        return captions.caption_frames(
            video,
            frames,
            lambda index: self._picture(video, frames, index),
            self.captioner,
            self.prompts["caption"],
            self.config.caption,
            canaries=self.binding.canaries(video, frames, whole_batches=self.captioner.whole_batches),
            witness=lambda outcomes: self.binding.keep(inputs.id, outcomes),
        )

    def _binding(self, inputs: Inputs) -> Binding:
        frames, captioned = inputs.record("frames", FrameSet), inputs.record("caption", CaptionSet)
        video = inputs.record("download", Video)
        return self.binding.check(inputs.id, frames, captioned, lambda index: self._picture(video, frames, index))

    def _extract(self, inputs: Inputs) -> Extract:
        frames = inputs.record("frames", FrameSet)
        return extract.extract(
            inputs.record("caption", CaptionSet),
            len(frames.frames),
            frames.fps,
            self.summarizer,
            self.prompts["extract"],
            self.config.extract,
        )

    def _refine(self, inputs: Inputs) -> Summary:
        frames, chosen = inputs.record("frames", FrameSet), inputs.record("extract", Extract)
        return refine.refine(
            inputs.record("caption", CaptionSet),
            chosen,
            frames.fps,
            self.summarizer,
            self.prompts["refine"],
            self.embedder,
            self.config.refine,
        )

    def _audit(self, inputs: Inputs) -> Audit:
        frames = inputs.record("frames", FrameSet)

        def read(index: FrameIndex) -> bytes:
            with self.meter.waiting("decode"):
                return self.pictures.read(inputs.record("download", Video), frames, index)

        return audit(
            frames,
            inputs.record("caption", CaptionSet),
            inputs.record("refine", Summary),
            read,
            Tools(
                lambda: self.embedder,
                lambda: self.clip,
                lambda: self.judge,
                self.prompts.get("judge"),
                self.raise_if_stopped,
            ),
            self.config.audit,
        )
