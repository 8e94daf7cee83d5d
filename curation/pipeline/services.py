"""The services of a run: configuration, store, models, child processes. A heavy one opens when it is first used."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType

from curation.binding.guard import BindingGuard
from curation.download.fetch import fetch
from curation.download.look import look
from curation.download.pacing.hosts import Hosts
from curation.download.pacing.in_ledger import InLedger
from curation.frames.pictures import Pictures
from curation.frames.sample import check_backend
from curation.ledger.ledger import Ledger
from curation.ledger.stages import TRANSCRIBE
from curation.ledger.standing import StageHashes
from curation.pipeline.budget import Budget
from curation.pipeline.identities import known_identities
from curation.pipeline.needed_models import models_of, whole_model
from curation.pipeline.open import open_ledger
from curation.pipeline.restore import Restorer
from curation.pipeline.settings import load_prompts, stage_hashes
from curation.pipeline.shared_property import shared_property
from curation.sources.signed import SignedAddresses
from curation.status.view import LedgerView
from curation.store.store import Store
from curation.video.probe import probe_safely
from curation.video.sandbox import Limits, Sandbox
from curation.video.sandboxes import Sandboxes
from curation.video.subtitle_tracks import Tracks, read_tracks
from curation.workspace import Workspace
from models.build import (
    build_chat_model,
    build_clip,
    build_embedder,
    build_extractor,
    build_faces,
    build_nudity,
    build_reader,
    build_transcriber,
    build_voice,
)
from models.chat import ChatModel, Embedder
from models.clip import Clip, Extractor
from models.local.voice import SileroVoice
from models.meter import Meter
from models.reader import TextReader
from models.reply_cache import CachedModel
from models.safety import FaceFinder, NudityScorer
from models.servers.presence import require_server
from prompts import Prompt
from schemas.configuration.config import CurateConfig
from schemas.configuration.model_config import ChatConfig, ServerConfig
from schemas.errors import Interrupted, TransientError
from schemas.records import Publication, Source, Video
from schemas.secret_addresses import lacks_secret

_LOOK = 1.0  # seconds between two looks at the wish to stop, during a wait


def _nothing_arrives(_count: int) -> None:
    """The default: received bytes are not counted."""


def _no_claim() -> None:
    """The default: nobody else can take this work over."""


class Services:
    """The services of a run. Threads may share them."""

    def __init__(self, config: CurateConfig, ledger: Ledger, store: Store) -> None:
        """Bind a configuration to a workspace's ledger and store. Raises PromptError for a missing prompt."""
        self.config = config
        self.ledger = ledger
        self.store = store
        self.stop = threading.Event()
        self.meter = Meter()
        self.budget: Budget | None = None
        self.require_claim: Callable[[], None] = _no_claim  # raises ClaimLost once others may do this work
        self.transferred: Callable[[int], None] = _nothing_arrives
        # The nodes of a run share the pace toward a host.
        shared = InLedger(ledger) if config.run.engine == "ray" else None
        self.hosts = Hosts(config.download, shared, sleep=self.wait)
        self.signed = SignedAddresses()
        self.prompts: Mapping[str, Prompt] = load_prompts(config)
        self._alarm: Callable[[], None] | None = None
        # `_last` closes after the models: they may still store replies, and after a binding alarm those that were
        # stored last are withdrawn.
        self._closing, self._last = ExitStack(), ExitStack()
        self._last.callback(self.signed.close)

    def __enter__(self) -> Services:
        """Use as a context manager, so that child processes end with the run."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End child processes and connections to model servers that were opened. All threads have ended before."""
        with self._last:
            self._closing.close()

    @shared_property
    def sandbox(self) -> Sandbox:
        """The child processes that decode videos."""
        sandbox = Sandbox(self.config.run.decode_workers, raise_if_stopped=self.raise_if_stopped)
        self._closing.callback(sandbox.close)
        return sandbox

    @shared_property
    def download_children(self) -> Sandboxes:
        """The child processes that download videos."""
        children = Sandboxes(self.raise_if_stopped)
        self._closing.callback(children.close)
        return children

    @shared_property
    def captioner(self) -> ChatModel:
        """The vision-language model, behind the reply cache."""
        return self._chat("captioner", self.config.models.captioner)

    @shared_property
    def summarizer(self) -> ChatModel:
        """The language model, behind the reply cache."""
        return self._chat("summarizer", self.config.models.summarizer)

    @shared_property
    def annotators(self) -> tuple[ChatModel, ...]:
        """The further language models that choose keyframes, behind the reply cache; empty where none is configured."""
        return tuple(
            self._chat(f"annotators.{place}", config) for place, config in enumerate(self.config.models.annotators)
        )

    @shared_property
    def judge(self) -> ChatModel | None:
        """The model that judges finished samples, behind the reply cache; None where none is configured."""
        config = self.config.models.judge
        return self._chat("judge", config) if config is not None else None

    @shared_property
    def embedder(self) -> Embedder:
        """The sentence embedder."""
        with whole_model("embedder"):
            return build_embedder(self.config.models.embedder)

    @shared_property
    def clip(self) -> Clip | None:
        """The CLIP of the audits; None where none is configured."""
        config = self.config.models.clip
        with whole_model("clip"):
            return build_clip(config) if config is not None else None

    @shared_property
    def extractor(self) -> Extractor | None:
        """The trained summarizer that chooses keyframes; None where none is configured."""
        config = self.config.models.extractor
        with whole_model("extractor"):
            if config is None:
                return None
            return build_extractor(config, self.config.frames.fps, self.config.transcribe.mode != "disable")

    @shared_property
    def transcriber(self) -> ChatModel | None:
        """The speech recogniser, behind the reply cache; None where none is configured."""
        config = self.config.models.transcriber
        if config is None:
            return None
        with whole_model("transcriber"):
            return self._cached(build_transcriber(config, self.meter, self.raise_if_stopped))

    @shared_property
    def reader(self) -> TextReader | None:
        """What reads the text in pictures; None where none is configured."""
        config = self.config.models.reader
        with whole_model("reader"):
            return build_reader(config) if config is not None else None

    @shared_property
    def faces(self) -> FaceFinder | None:
        """What finds faces in pictures; None where none is configured."""
        config = self.config.models.faces
        with whole_model("faces"):
            return build_faces(config) if config is not None else None

    @shared_property
    def nudity(self) -> NudityScorer | None:
        """What scores nudity in pictures; None where none is configured."""
        config = self.config.models.nudity
        with whole_model("nudity"):
            return build_nudity(config) if config is not None else None

    @shared_property
    def voice(self) -> SileroVoice | None:
        """What tells speech from other sound; None where loudness decides. Raises ConfigError without its package."""
        return build_voice() if self.config.transcribe.voice == "silero" else None

    @shared_property
    def binding(self) -> BindingGuard:
        """The check that each caption belongs to its own frame."""
        report = self.store.root.parent / "report"
        guard = BindingGuard(self.config, self.ledger, lambda: self.pictures, lambda: self.clip, report)
        self._last.callback(guard.settle)
        self._alarm = guard.raise_if_stopped
        return guard

    @shared_property
    def pictures(self) -> Pictures:
        """The sampled pictures; a picture that was not kept is decoded again."""
        return Pictures(self.store, self.config.frames, self.sandbox, self.restorer.file)

    @shared_property
    def opted_out(self) -> frozenset[str]:
        """The keys of the opt-outs in force when the first video was fetched."""
        return frozenset(one.key for one in self.ledger.opt_outs())

    @shared_property
    def restorer(self) -> Restorer:
        """Gives the files of videos, and fetches again those that the store lost."""
        return Restorer(self.store, self.ledger, lambda: self.hashes, self.fetch)

    @shared_property
    def hashes(self) -> StageHashes:
        """The hashes of the settings that results depend on. No weights are loaded for them."""
        return stage_hashes(self.config, self.prompts, known_identities(self.ledger, self.config.models))

    @property
    def view(self) -> LedgerView:
        """The ledger as this configuration reads it."""
        return LedgerView(self.ledger, self.hashes, self.config.review, self.config.audit, self.config.refresh)

    def fetch(self, source: Source) -> Video:
        """Bring a source's video into the store. Raises what `curation.download.fetch.fetch` raises, and RunStopped.

        Raises TransientError `key_unknown` for an address whose key is in the user's list only, which was not read.
        """
        whole = self._with_key(source)
        received = 0

        def progress(done: int) -> None:
            nonlocal received
            if done > received:
                self.transferred(done - received)
                received = done

        with self.meter.waiting("download"):
            return fetch(
                whole,
                self.config.download,
                self.config.filters,
                self.store,
                hosts=self.hosts,
                probe=lambda path: probe_safely(path, self.sandbox),
                children=self.download_children,
                progress=progress,
                opted_out=self.opted_out,
                read_tracks=self._read_tracks,
            )

    def _read_tracks(self, file: Path, folder: Path) -> Tracks:
        config = self.config
        limits = Limits(config.frames.wall_seconds, config.frames.memory_megabytes)
        return read_tracks(file, folder, config.download.subtitles, self.download_children, limits)

    def look(self, source: Source, hosts: Hosts) -> Publication:
        """What a source's publisher says now; `hosts` sets the pace. Raises as `curation.download.look.look`."""
        whole = self._with_key(source)
        with self.meter.waiting("download"):
            return look(whole, self.config.download, children=self.download_children, hosts=hosts)

    def raise_if_stopped(self) -> None:
        """Raise RunStopped once the run is to stop.

        Long work calls it often, so that a stop takes seconds and not the time of a whole video.
        """
        self.raise_if_interrupted()
        if self._alarm is not None:
            self._alarm()
        if self.budget is not None:
            self.budget.check(self.meter.read())

    def wait(self, seconds: float) -> None:
        """Wait so many seconds. Raises RunStopped within a second once the run is to stop."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            self.stop.wait(min(left, _LOOK))
            self.raise_if_stopped()

    def raise_if_interrupted(self) -> None:
        """Raise Interrupted once somebody stopped the run, and ClaimLost once it is another process's.

        Alarms and budgets are for what records them.
        """
        self.require_claim()
        if self.stop.is_set():
            raise Interrupted("stopped at a safe point; the same command goes on from here")

    def open_models(self, stages: Collection[str]) -> None:
        """Build the models that these stages ask, one after the other, unless they are there.

        A run calls it before it touches a video, so that a model that cannot be built costs no video anything. Raises
        MachineTrouble and ConfigError as the models' properties do, ConfigError when the sampler is not installed,
        ServerGone when no server of a model answers, and RunStopped when the run stops.
        """
        if "frames" in stages:
            check_backend(self.config.frames)
        roles = models_of(stages, self.config)
        for role in roles:  # all servers first: it takes no time; one that a model was built for is waited for
            for name, config in self.config.models.named().items():
                if name.partition(".")[0] == role and isinstance(config, ServerConfig) and role not in vars(self):
                    require_server(name, config)
        for role in roles:
            self.raise_if_stopped()
            getattr(self, role)
        if TRANSCRIBE in stages:
            _ = self.voice  # a package that is missing is told before anything is downloaded

    def _with_key(self, source: Source) -> Source:
        """The source with the address as its list gives it. Raises TransientError as `fetch`."""
        address = self.signed.of(source.uri)
        if source.kind == "url" and lacks_secret(address):
            # Without its key an address may give another video.
            raise TransientError("key_unknown", "the key of its address is in its list only: `v2xum curate` reads that")
        return source.model_copy(update={"uri": address})

    def _chat(self, role: str, config: ChatConfig) -> ChatModel:
        with whole_model(role):
            return self._cached(build_chat_model(config, self.meter, self.raise_if_stopped))

    def _cached(self, built: ChatModel) -> ChatModel:
        model = CachedModel(built, self.ledger, self.meter, self.raise_if_stopped)
        self._closing.callback(model.close)
        return model


@contextmanager
def open_services(workspace: Workspace, config: CurateConfig | None = None) -> Iterator[Services]:
    """The services of a workspace, for a configuration or for that of its last run; all is closed after the block.

    Nothing is locked. Raises ConfigError as `open_ledger` and `Workspace.config`, PromptError for a missing prompt.
    """
    chosen = config if config is not None else workspace.config()
    with open_ledger(workspace) as ledger, Services(chosen, ledger, workspace.store()) as services:
        services.require_claim = workspace.require_claim
        yield services
