"""A tiny tokenizer folder: every byte is a token, and two words have ids of their own."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from tokenizers import AddedToken, Tokenizer, models, pre_tokenizers


@pytest.fixture
def make_tokenizer(tmp_path: Path) -> Callable[..., Path]:
    """Makes a byte-level tokenizer folder; `files` maps further JSON files to their values."""

    def make(name: str = "tok", extra_ids: int = 0, **files: object) -> Path:
        alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
        vocabulary = {c: i for i, c in enumerate(alphabet)} | {f"<x{i}>": 256 + i for i in range(extra_ids)}
        tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        tokenizer.add_special_tokens([AddedToken("<|end|>", special=True)])
        tokenizer.enable_truncation(4)
        folder = tmp_path / name
        folder.mkdir()
        tokenizer.save(str(folder / "tokenizer.json"))
        for file, value in (files or {"tokenizer_config": {"eos_token": "<|end|>"}}).items():
            (folder / f"{file}.json").write_text(json.dumps(value))
        return folder

    return make
