"""The checks of models that this process would load, for `v2xum doctor`."""

from __future__ import annotations

from pathlib import Path

from models.check import Check, fail, ok
from models.devices import missing_device
from models.embedding.open_clip import open_clip_errors
from models.hub import HubUnreachable
from models.identity import (
    identify_faces,
    identify_reader,
    identify_transcriber,
    name_of,
    open_clip_identity,
    require_packages,
    revision_of,
)
from schemas.configuration.model_config import (
    CenterFace,
    LocalModel,
    LocalWhisper,
    NgramEmbedder,
    OpenClip,
    PictureClassifier,
    RapidOcr,
    TrainedExtractor,
    TransformersClip,
    TransformersEmbedder,
)
from schemas.errors import ConfigError

_Loaded = LocalModel | TransformersEmbedder | TransformersClip | PictureClassifier


def check_local(role: str, config: _Loaded) -> list[Check]:
    """Check the packages, the checkpoint and the device of a model in this process."""
    name = f"models.{role}"
    try:
        require_packages(
            *(("torch", "transformers") if isinstance(config, TransformersClip | PictureClassifier) else ())
        )
    except ConfigError as error:
        return [fail(name, str(error), "pip install -e '.[local]' in the checkout")]
    try:
        revision = revision_of(config.model, config.revision)
    except HubUnreachable as error:
        fix = (
            f"see that this machine reaches the hub (HTTPS_PROXY names a proxy, HF_ENDPOINT a mirror), or copy the "
            f"checkpoint here and set models.{role}.model to its folder"
        )
        return [fail(name, str(error), fix)]
    except ConfigError as error:
        return [
            fail(
                name,
                str(error),
                f"correct the name, or set models.{role}.model to a folder or a hub id (relative folders are relative "
                "to the configuration file)",
            )
        ]
    checks = [ok(name, f"checkpoint {name_of(config.model)}, revision {revision[:12]}, runs in this process")]
    if config.device != "cpu":
        checks.append(_device(name, config.device))
    return checks


def check_embedder(config: NgramEmbedder | TransformersEmbedder) -> list[Check]:
    """Check the sentence embedder, as `check_local` does."""
    if isinstance(config, NgramEmbedder):
        return [ok("models.embedder", f"{config.engine}: no weights and no packages are needed")]
    return check_local("embedder", config)


def check_clip(config: TransformersClip | OpenClip) -> list[Check]:
    """Check the CLIP, as `check_local` does. Weights that open_clip would download are not downloaded."""
    if isinstance(config, TransformersClip):
        return check_local("clip", config)
    name = "models.clip"
    try:
        with open_clip_errors(config):
            import open_clip

            tags = open_clip.list_pretrained_tags_by_model(config.model)
    except ConfigError as error:
        return [fail(name, str(error), "pip install -e '.[clip]' in the checkout")]
    from_hub = config.model.startswith("hf-hub:")  # the hub has the weights
    if not from_hub and not Path(config.pretrained).is_file() and config.pretrained not in tags:
        known = f"one of {', '.join(tags)}" if tags else "a pair that open_clip.list_pretrained() has"
        return [
            fail(
                name,
                f"open_clip has no {config.model} with {name_of(config.pretrained)}, and there is no such file",
                f"set {name}.model and {name}.pretrained to a file or {known}",
            )
        ]
    checks = [ok(name, f"open_clip {' '.join(open_clip_identity(config))}, runs in this process")]
    if config.device != "cpu":
        checks.append(_device(name, config.device))
    return checks


def check_extractor(config: TrainedExtractor, fps: float, transcripts: bool = False) -> list[Check]:
    """Check the checkpoint of a trained summarizer and its tower, without loading weights."""
    name = "models.extractor"
    try:
        require_packages("torch", "transformers")
        from models.summarizers.trained import inputs_of

        inputs_of(config, fps, transcripts)
        revision = revision_of(config.model, None)
    except ConfigError as error:
        return [fail(name, str(error), "name the folder OUT/model that `v2xum train` wrote")]
    checks = [ok(name, f"checkpoint {name_of(config.model)}, revision {revision[:12]}, runs in this process")]
    return checks if config.device == "cpu" else [*checks, _device(name, config.device)]


def check_whisper(config: LocalWhisper) -> list[Check]:
    """Check the package and the checkpoint of a speech recogniser in this process, without loading weights."""
    name = "models.transcriber"
    try:
        require_packages("faster_whisper", extra="speech")
        model, revision, _ = identify_transcriber(config)
    except ConfigError as error:
        fix = "pip install -e '.[speech]' in the checkout; the model is a folder or hub id of CTranslate2's form"
        return [fail(name, str(error), fix)]
    return [ok(name, f"checkpoint {model}, revision {revision[:12]}, runs in this process")]


def check_voice() -> Check:
    """Check the package of the network that tells where somebody speaks (`transcribe.voice: silero`)."""
    try:
        require_packages("faster_whisper", extra="speech")
    except ConfigError as error:
        return fail("transcribe.voice", str(error), "pip install -e '.[speech]' in the checkout, or voice: loudness")
    return ok("transcribe.voice", "silero is installed")


def check_reader(config: RapidOcr) -> list[Check]:
    """Check the packages and the weights of the engine that reads text in pictures, without loading its networks."""
    name = "models.reader"
    try:
        engine, revision, _ = identify_reader(config)
        require_packages("onnxruntime", extra="ocr")
    except ConfigError as error:
        return [fail(name, str(error), "pip install -e '.[ocr]' in the checkout, or take out models.reader and ocr")]
    return [ok(name, f"{engine} {revision}, runs in this process")]


def check_faces(config: CenterFace) -> list[Check]:
    """Check the package and the weights of the engine that finds faces, without loading its network."""
    name = "models.faces"
    try:
        engine, revision, _ = identify_faces(config)
    except ConfigError as error:
        return [fail(name, str(error), "pip install -e '.[faces]' in the checkout, or take out models.faces")]
    return [ok(name, f"{engine} {revision}, runs in this process")]


def check_nudity(config: PictureClassifier) -> list[Check]:
    """Check the packages, the checkpoint, its labels and the device of the engine that scores nudity.

    No weights are loaded.
    """
    checks = check_local("nudity", config)
    if checks[0].status == "ok":
        from models.local.picture_classifier import label_columns

        try:
            label_columns(config)
        except ConfigError as error:
            checks.append(fail("models.nudity.labels", str(error), "set models.nudity.labels to some that it has"))
    return checks


def _device(name: str, device: str) -> Check:
    if missing := missing_device(device):
        return fail(f"{name}.device", missing, f"set {name}.device: cpu")
    return ok(f"{name}.device", f"{device} is available")
