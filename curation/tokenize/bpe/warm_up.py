"""Compile the kernels of byte-level BPE."""

from __future__ import annotations

from itertools import count

import numpy as np
import pyarrow as pa

from midmix.curation.tokenize.bpe.dictionary import Dictionary
from midmix.curation.tokenize.bpe.encoder import Encoder
from midmix.curation.tokenize.bpe.merges import byte_characters
from midmix.tables import TEXT


def warm_up() -> None:
    """Encode a text that reaches every kernel once; so many chunks let a small dictionary grow."""
    encoder = Encoder(tiny_tokenizer(), Dictionary([(b"known", 0)], first_slots=64))
    texts = pa.array([" ".join(map(str, range(200))), "word" * 300, "<added>", "\u0301"], TEXT)
    encoder.reserved(texts)
    encoder.encode(texts, 0, np.dtype("<u2"))


def tiny_tokenizer() -> dict[str, object]:
    """A tokenizer of bytes and one merge, as tokenizer.json has it, with NFC and an added token."""
    numbers = count()
    vocabulary = {char: next(numbers) for char in [*byte_characters(), "wo"]}
    model = dict.fromkeys(
        ("dropout", "continuing_subword_prefix", "end_of_word_suffix", "byte_fallback", "ignore_merges")
    )
    return {
        "model": {**model, "type": "BPE", "vocab": vocabulary, "merges": [["w", "o"]]},
        "normalizer": {"type": "NFC"},
        "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": False, "use_regex": True},
        "post_processor": None,
        "added_tokens": [{"content": "<added>", "special": False}],
    }
