"""Small tokenizers of every known pattern, trained once a session, and the comparison with `tokenizers` itself."""

from __future__ import annotations

import importlib.metadata
import json
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from tokenizers import AddedToken, Regex, Tokenizer, models, normalizers, pre_tokenizers, trainers

from midmix.curation.tokenize.bpe.dictionary import Dictionary
from midmix.curation.tokenize.bpe.encoder import Encoder
from midmix.curation.tokenize.bpe.pattern import EXPRESSIONS
from midmix.tables import TEXT

FAMILIES = dict(zip(("llama3", "qwen2", "qwen3_5", "o200k", "deepseek_v3"), EXPRESSIONS, strict=True)) | {
    "gpt2": (),
    "smollm": (),
}
END = 65535
# Besides English: so that letters of other scripts, marks, digits and white space merge too.
ELSEWHERE = (
    "Привет, мир! Как дела? 12 345,67 руб.", "Ελληνικά: Καλημέρα κόσμε", "שלום עולם", "مرحبا بالعالم ١٢٣٤", "नमस्ते दुनिया क्षत्रिय",
    "สวัสดีชาวโลก", "日本語のテスト、漢字とかな・カタカナ。", "你好，世界！二〇二六年", "한국어 텍스트입니다", "naïve café Größe e\u0301a\u0308",
    "\u00a0\u3000\u2003x\r\n\r\n\t\ty   z", "😀👩\u200d👩\u200d👧 ½ ² Ⅷ", "it's we'LL I'M you'Re don'T he'd'Ve",
)  # fmt: skip
Same = Callable[[str, Sequence[str]], None]


def train(family: str, texts: Sequence[str], vocabulary: int) -> Tokenizer:
    """A byte-level BPE with the family's own pre-tokenizer."""
    byte_level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=not FAMILIES[family])
    splits: list[Any] = [pre_tokenizers.Split(Regex(expression), "isolated") for expression in FAMILIES[family]]
    if family == "smollm":
        splits = [pre_tokenizers.Digits(individual_digits=True)]
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([*splits, byte_level]) if splits else byte_level
    if family.startswith("qwen"):
        tokenizer.normalizer = normalizers.NFC()
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary, special_tokens=[AddedToken("<|end|>")], initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.encode_special_tokens = True
    return tokenizer


@pytest.fixture(scope="session")
def source_texts() -> list[str]:
    """Some 2 MB of source code and prose of a pinned package."""
    files = sorted(Path(str(f.locate())) for f in importlib.metadata.files("sympy") or () if f.suffix in (".py", ".md"))
    return [f.read_text(encoding="utf-8", errors="replace")[:40_000] for f in files[:: max(1, len(files) // 60)]]


@pytest.fixture(scope="session")
def trained(source_texts: list[str]) -> Callable[[str], Tokenizer]:
    """The tokenizer of a family with 2,000 ids."""
    texts = [*(text[:8000] for text in source_texts), *ELSEWHERE * 20]
    return cache(lambda family: train(family, texts, 2000))


@pytest.fixture(scope="session")
def same_ids(trained: Callable[[str], Tokenizer]) -> Same:
    """Assert that a family's ids of texts are the library's, also with a dictionary of a few chunks, and as uint32."""

    @cache
    def encoders(family: str) -> list[Encoder]:
        file = json.loads(trained(family).to_str())
        return [Encoder(file), Encoder(file, Dictionary(max_bytes=0, first_slots=64))]

    def check(family: str, texts: Sequence[str]) -> None:
        tokenizer = trained(family)
        for encoder, kind in zip(encoders(family), ("<u2", "<u4"), strict=True):
            kept = [t for t, r in zip(texts, encoder.reserved(pa.array(texts, TEXT)), strict=True) if not r]
            expected = [e.ids for e in tokenizer.encode_batch_fast(kept, add_special_tokens=False)]
            ids, lengths = encoder.encode(pa.array(kept, TEXT), END, np.dtype(kind))
            wanted = np.array([i for found in expected for i in (*found, END)], kind)
            if not np.array_equal(ids, wanted) or lengths.tolist() != [len(found) + 1 for found in expected]:
                mine = np.split(ids, np.cumsum(lengths)[:-1])
                for text, found, theirs in zip(kept, mine, expected, strict=True):
                    assert found.tolist() == [*theirs, END], (family, text)

    return check
