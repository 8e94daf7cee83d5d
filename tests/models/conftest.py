"""Tiny checkpoints of random weights, built once a session: real architectures, real tokenizers, no training."""

import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from schemas.configuration.model_config import LocalModel

START, END, PAD = "<|im_start|>", "<|im_end|>", "<|endoftext|>"
IMAGE, AROUND, GLOBAL = "<image>", "<fake_token_around_image>", "<global-img>"
TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n"
    "{% if m['content'] is string %}{{ m['content'] }}{% else %}{% for part in m['content'] %}"
    "{% if part['type'] == 'image' %}<image>{% else %}{{ part['text'] }}{% endif %}{% endfor %}{% endif %}<|im_end|>\n"
    "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
SIZE, PATCH, SCALE = 32, 8, 2


def _tokenizer(*, images: bool) -> Any:
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    tokens = [PAD, START, END, *((IMAGE, AROUND, GLOBAL, "<end_of_utterance>", "<row_1_col_1>") if images else ())]
    rng = random.Random(0)
    words = ["a", "red", "blue", "circle", "square", "moves", "left", "right", "on", "the", "gray", "floor"]
    words += ["keyframes", "sentences", "text"]
    corpus = [" ".join(rng.choices(words, k=8)) + f' {{"keyframes":[{rng.randint(0, 99)}]}}' for _ in range(300)]
    tokenizer = Tokenizer(models.BPE(byte_fallback=False))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=360,
        special_tokens=[AddedToken(t, special=True, normalized=False) for t in tokens],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(corpus, trainer)
    names = {"image_token": IMAGE, "fake_image_token": AROUND, "global_image_token": GLOBAL}
    names |= {"boi_token": AROUND, "eoi_token": AROUND}
    built = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        eos_token=END,
        pad_token=PAD,
        model_max_length=2048,
        clean_up_tokenization_spaces=False,
        **({"extra_special_tokens": names} if images else {}),
    )
    built.chat_template = TEMPLATE
    return built


def _text_config(tokenizer: Any) -> Any:
    from transformers import LlamaConfig

    return LlamaConfig(
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=2,
        max_position_embeddings=2048,
        vocab_size=len(tokenizer),
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        initializer_range=0.3,  # wide, so that a random model has opinions
    )


@pytest.fixture(scope="session")
def text_checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Llama of random weights."""
    import torch
    from transformers import LlamaForCausalLM

    folder = tmp_path_factory.mktemp("checkpoints") / "tiny-text"
    tokenizer = _tokenizer(images=False)
    torch.manual_seed(1)
    LlamaForCausalLM(_text_config(tokenizer)).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def vision_checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An Idefics3 of random weights: 32-pixel pictures, 4 tokens each."""
    import torch
    from transformers import (
        Idefics3Config,
        Idefics3ForConditionalGeneration,
        Idefics3ImageProcessorPil,
        Idefics3Processor,
    )
    from transformers.models.idefics3.configuration_idefics3 import Idefics3VisionConfig

    folder = tmp_path_factory.mktemp("checkpoints") / "tiny-vision"
    tokenizer = _tokenizer(images=True)
    vision = Idefics3VisionConfig(
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=1,
        num_attention_heads=2,
        image_size=SIZE,
        patch_size=PATCH,
        initializer_range=0.3,
    )
    config = Idefics3Config(
        vision_config=vision,
        text_config=_text_config(tokenizer),
        image_token_id=tokenizer.convert_tokens_to_ids(IMAGE),
        scale_factor=SCALE,
        pad_token_id=tokenizer.pad_token_id,
    )
    edge = {"longest_edge": SIZE}
    processor = Idefics3Processor(
        Idefics3ImageProcessorPil(do_image_splitting=False, size=edge, max_image_size=edge),
        tokenizer,
        image_seq_len=(SIZE // PATCH // SCALE) ** 2,
        chat_template=TEMPLATE,
    )
    torch.manual_seed(2)
    model = Idefics3ForConditionalGeneration(config)
    # Random connectors give features too small to tell pictures apart.
    model.model.connector.modality_projection.proj.weight.data.mul_(20)
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def load() -> Callable[..., Any]:
    """Load a checkpoint through the engine, once for each configuration."""
    from models.local.chat_model import LocalChatModel

    loaded: dict[str, Any] = {}

    def get(folder: Path, **options: Any) -> LocalChatModel:
        config = LocalModel(model=str(folder), **options)
        key = config.model_dump_json()
        if key not in loaded:
            loaded[key] = LocalChatModel(config)
        return loaded[key]

    return get


@pytest.fixture(scope="session")
def pictures() -> list[bytes]:
    """Six JPEGs that differ plainly."""
    import io

    from PIL import Image

    def made(colour: tuple[int, int, int]) -> Iterator[bytes]:
        stream = io.BytesIO()
        Image.new("RGB", (48, 32), colour).save(stream, "JPEG")
        yield stream.getvalue()

    colours = [(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255), (0, 0, 0), (90, 90, 0)]
    return [next(made(colour)) for colour in colours]
