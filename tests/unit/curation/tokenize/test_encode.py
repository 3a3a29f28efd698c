"""Tokenizer folders: the end-of-text id, the dtype, and the ids of texts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from tokenizers import Tokenizer

from midmix.curation.tokenize import encode as encode_module
from midmix.curation.tokenize.encode import TokenizerFolder, encode, open_folder
from midmix.errors import ConfigError

MakeTokenizer = Callable[..., Path]


def documents(folder: TokenizerFolder, texts: list[str]) -> list[list[int]]:
    """Token ids per text."""
    found: list[list[int]] = []
    for tokens, lengths in encode(folder, pa.array(texts, pa.large_string())):
        assert tokens.dtype == folder.dtype
        assert lengths.dtype == np.int32
        found += [piece.tolist() for piece in np.split(tokens, np.cumsum(lengths)[:-1])]
    return found


@pytest.mark.parametrize(
    "files",
    [
        {"tokenizer_config": {"eos_token": "<|end|>"}},
        {"tokenizer_config": {"eos_token": {"content": "<|end|>"}}},
        {"tokenizer_config": {}, "special_tokens_map": {"eos_token": "<|end|>"}},
        {"tokenizer_config": {"eos_token": None}, "generation_config": {"eos_token_id": 256}},
        {"generation_config": {"eos_token_id": [256, 3]}},
    ],
)
def test_end_of_text_is_found(make_tokenizer: MakeTokenizer, files: dict[str, object]) -> None:
    folder = open_folder("main", str(make_tokenizer(**files)))
    assert (folder.end_of_text_id, folder.num_ids, folder.dtype) == (256, 257, np.dtype("<u2"))


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"tokenizer_config": {}}, "names no end-of-text token"),
        ({"tokenizer_config": {"eos_token": "<eos>"}}, "'<eos>', which .*tokenizer.json does not have"),
        ({"generation_config": {"eos_token_id": 257}}, "id 257 is not below the 257 ids"),
    ],
)
def test_a_folder_without_end_of_text_is_refused(
    make_tokenizer: MakeTokenizer, files: dict[str, object], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        open_folder("main", str(make_tokenizer(**files)))


def test_a_folder_without_tokenizer_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"tokenizers.main.*no file .*tokenizer.json"):
        open_folder("main", str(tmp_path))
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(ConfigError, match="no readable tokenizer"):
        open_folder("main", str(tmp_path))


def test_dtype_follows_the_largest_id(make_tokenizer: MakeTokenizer) -> None:
    assert open_folder("main", str(make_tokenizer("a", extra_ids=65279))).dtype == np.dtype("<u2")
    assert open_folder("main", str(make_tokenizer("b", extra_ids=65280))).dtype == np.dtype("<u4")


def test_ids_are_the_tokenizers_own_with_end_of_text(
    make_tokenizer: MakeTokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = make_tokenizer()
    oracle = Tokenizer.from_file(str(path / "tokenizer.json"))
    oracle.no_truncation()
    texts = ["longer than four tokens", "é\n", "", "x" * 50]
    expected = [[*oracle.encode(text, add_special_tokens=False).ids, 256] for text in texts]
    folder = open_folder("main", str(path))
    for batch_bytes in (1, 20, 1 << 20):
        monkeypatch.setattr(encode_module, "BATCH_BYTES", batch_bytes)
        assert documents(folder, texts) == expected


def test_a_special_token_in_the_text_is_just_text(make_tokenizer: MakeTokenizer) -> None:
    (ids,) = documents(open_folder("main", str(make_tokenizer())), ["a<|end|>b"])
    assert len(ids) == len("a<|end|>b") + 1
    assert ids.count(256) == 1


def test_slices_of_arrow_arrays_are_read_from_their_offset(make_tokenizer: MakeTokenizer) -> None:
    folder = open_folder("main", str(make_tokenizer()))
    texts = pa.array(["skip", "ab", "c"], pa.large_string())[1:]
    ((tokens, lengths),) = encode(folder, texts)
    assert lengths.tolist() == [3, 2]
    assert tokens.tolist() == [*documents(folder, ["ab"])[0], *documents(folder, ["c"])[0]]
