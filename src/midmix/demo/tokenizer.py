"""The demo's tokenizer: a byte-level BPE trained on a sample of its text, as a Hugging Face folder."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

VOCABULARY = 2048
END_OF_TEXT = "<|endoftext|>"
SAMPLE_BYTES = 8_000_000


def train_tokenizer(folder: Path, texts: Sequence[str]) -> None:
    """Write tokenizer.json and tokenizer_config.json, trained on evenly spread texts of at most SAMPLE_BYTES."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=[END_OF_TEXT],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(_sample(texts), trainer)
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(folder / "tokenizer.json"))
    config = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "eos_token": END_OF_TEXT,
        "bos_token": None,
        "clean_up_tokenization_spaces": False,
        "model_max_length": 1_000_000_000,
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8", newline="\n")


def _sample(texts: Sequence[str]) -> list[str]:
    """Every k-th text, each cut to a length at which none weighs much."""
    cut = [text[:20_000] for text in texts]
    step = max(1, -(-sum(map(len, cut)) // SAMPLE_BYTES))
    return cut[::step]
