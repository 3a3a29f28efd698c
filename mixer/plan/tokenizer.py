"""Identity of the tokenizer whose ids the shards hold, read from its Hugging Face folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from midmix.disk import sha256_of
from midmix.errors import ConfigError
from midmix.mixer.plan.models import Tokenizer

# Where Hugging Face folders name the end-of-text token, the most specific file first.
_END_OF_TEXT_FILES = ("tokenizer_config.json", "special_tokens_map.json", "generation_config.json", "config.json")


def identify(folder: Path) -> Tokenizer:
    """The tokenizer in `folder` by name, hash, number of ids and end-of-text id. Raises ConfigError.

    Token files hold uint16 up to 65,536 ids, else 32 bits, which Megatron's format calls int32.
    """
    from tokenizers import Tokenizer as HuggingFaceTokenizer

    file = folder / "tokenizer.json"
    if not file.is_file():
        raise ConfigError(f"config: 'tokenizers.main': no file {file}; expected a Hugging Face tokenizer folder")
    vocabulary = HuggingFaceTokenizer.from_file(str(file)).get_vocab(with_added_tokens=True)
    num_ids = max(vocabulary.values()) + 1
    return Tokenizer(
        id=folder.name,
        file_sha256=sha256_of(file),
        vocabulary_size=num_ids,
        eos_id=_end_of_text_id(folder, vocabulary),
        dtype="uint16" if num_ids <= 1 << 16 else "int32",
        adds_eos_per_document=True,
        adds_bos_per_document=False,
    )


def _end_of_text_id(folder: Path, vocabulary: dict[str, int]) -> int:
    for name in _END_OF_TEXT_FILES:
        file = folder / name
        values: dict[str, Any] = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
        token = values.get("eos_token")
        content = token.get("content") if isinstance(token, dict) else token
        if isinstance(content, str) and content in vocabulary:
            return vocabulary[content]
        number = values.get("eos_token_id")
        first = number[0] if isinstance(number, list) and number else number
        if isinstance(first, int):
            return first
    raise ConfigError(
        f"config: 'tokenizers.main': {folder} names no end-of-text token; add eos_token to tokenizer_config.json"
    )
