"""Texts to ids: buffers, the dictionary, what is left to the library, and what a difference at load does."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from tokenizers import AddedToken, Regex, Tokenizer, models, normalizers, pre_tokenizers

from midmix.curation.tokenize import encode as encode_module
from midmix.curation.tokenize.bpe import code_points, dictionary
from midmix.curation.tokenize.bpe.dictionary import Dictionary
from midmix.curation.tokenize.bpe.encoder import SPARE, Encoder, with_spare
from midmix.curation.tokenize.bpe.merge import MERGED
from midmix.curation.tokenize.bpe.selftest import difference
from midmix.curation.tokenize.encode import encode, open_folder, why_slow
from midmix.tables import TEXT

END = 65535
ALPHABET = sorted(pre_tokenizers.ByteLevel.alphabet())
MERGES = [("a", "b"), ("c", "d"), ("ab", "cd"), ("Ġ", "ab"), ("x", "x"), ("xx", "xx"), ("xxxx", "xxxx")]


def make(*added: AddedToken, nfc: bool = False, **model: Any) -> Tokenizer:
    """A tokenizer of bytes and a few merges, set up as the product sets it up."""
    tokens = [*ALPHABET, *("".join(pair) for pair in MERGES), "xyz"]
    vocabulary = {token: number for number, token in enumerate(tokens)}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=MERGES, **model))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    if nfc:
        tokenizer.normalizer = normalizers.NFC()
    tokenizer.add_tokens(list(added))
    tokenizer.encode_special_tokens = True
    return tokenizer


def encoder_of(tokenizer: Tokenizer, **kwargs: Any) -> Encoder:
    return Encoder(json.loads(tokenizer.to_str()), **kwargs)


def ids_of(encoder: Encoder, texts: Any, kind: str = "<u2") -> list[list[int]]:
    """Ids per text, the end-of-text id checked and left out."""
    batch = texts if isinstance(texts, pa.LargeStringArray) else pa.array(texts, TEXT)
    ids, lengths = encoder.encode(batch, END, np.dtype(kind))
    assert (ids.dtype, lengths.dtype, len(ids)) == (np.dtype(kind), np.int32, lengths.sum())
    found = [piece.tolist() for piece in np.split(ids, np.cumsum(lengths)[:-1])] if len(lengths) else []
    assert all(document.pop() == END for document in found)
    return found


def test_ids_written_out() -> None:
    encoder = encoder_of(make())
    number = {token: at for at, token in enumerate([*ALPHABET, *("".join(pair) for pair in MERGES)])}
    expected = [[number["abcd"], number["Ġab"], number["!"]], [], [number["xxxxxxxx"]] * 70 + [number["xx"]]]
    for kind in ("<u2", "<u4"):
        assert ids_of(encoder, ["abcd ab!", "", "x" * 562], kind) == expected
    assert ids_of(encoder, []) == []


@pytest.mark.parametrize("length", [15, 16, 512, 513])
def test_chunks_of_equal_length_and_hash_place_are_told_apart(length: int) -> None:
    encoder, tokenizer = encoder_of(make()), make()
    texts = ["a" * (length - 1) + last for last in "abcx"] + [first + "a" * (length - 1) for first in "abcx"]
    for _ in range(2):
        assert ids_of(encoder, texts) == [e.ids for e in tokenizer.encode_batch(texts, add_special_tokens=False)]


def test_a_closed_dictionary_changes_nothing_but_speed() -> None:
    texts = [f"word{n} {'long' * (n % 9)}{n}" for n in range(3000)]
    small = Dictionary(max_bytes=4096, first_slots=64)
    large = Dictionary(first_slots=64)
    assert ids_of(encoder_of(make(), dictionary=small), texts) == ids_of(encoder_of(make(), dictionary=large), texts)
    assert (small.state[dictionary.FULL], small.state[dictionary.ENTRIES]) == (dictionary.CLOSED, 40)
    assert (large.state[dictionary.FULL], small.num_bytes < 4096) == (dictionary.OPEN, True)
    assert large.state[dictionary.ENTRIES] > 3000


def test_the_last_text_of_a_full_buffer_is_copied() -> None:
    texts = pa.array(["skip", "x" * 60], TEXT)[1:]
    full = pa.LargeStringArray.from_buffers(
        1, pa.py_buffer(np.array([4, 64], np.int64)), pa.py_buffer(b"skip" + b"x" * 60)
    )
    assert with_spare(full).to_pylist() == texts.to_pylist()
    assert with_spare(full).buffers()[2].size == 60 + SPARE
    roomy = pa.LargeStringArray.from_buffers(1, pa.py_buffer(np.array([4, 64], np.int64)), pa.py_buffer(b"x" * 80))
    assert with_spare(roomy) is roomy
    assert ids_of(encoder_of(make()), full) == ids_of(encoder_of(make()), texts)


def test_with_ignore_merges_a_chunk_that_is_a_token_has_its_id() -> None:
    # No merge makes "xyz"; elsewhere merges count.
    for ignore in (False, True):
        tokenizer = make(ignore_merges=ignore)
        encoder = encoder_of(tokenizer)
        texts = ["xyz", "xyzx xyz", "abcd"]
        expected = [e.ids for e in tokenizer.encode_batch(texts, add_special_tokens=False)]
        assert ids_of(encoder, texts) == expected
        assert (len(expected[0]) == 1) is ignore
        encoder.forget()
        assert ids_of(encoder, texts) == expected


@pytest.mark.parametrize(
    ("text", "is_reserved"),
    [
        ("a <tool> b", True),
        ("<tool", False),
        ("<tool>", True),
        ("<too\u0301l>", False),
        ("<<tool>", True),
        ("<|end|>", False),
    ],
)
def test_texts_with_added_tokens_are_the_librarys(text: str, is_reserved: bool) -> None:
    added = (AddedToken("<tool>"), AddedToken("<<a"), AddedToken("|x"), AddedToken("<|end|>", special=True))
    encoder = encoder_of(make(*added))
    assert encoder.reserved(pa.array(["", text, "plain"], TEXT)).tolist() == [False, is_reserved, False]


@pytest.mark.parametrize(
    ("text", "is_reserved"),
    [
        ("plain, 漢字 and “quotes” é", False),
        ("e\u0301", True),
        ("q\u0301", False),  # a mark that composes with nothing here
        ("a\u0323\u0308", True),
        ("ä\u0323", True),
        ("\u1100\u1161", True),
        ("\u212b", True),
        ("\u0958", True),
        ("x" * 9 + "\u0378", True),  # unassigned to Python: another Unicode version may know more
    ],
)
def test_texts_that_nfc_may_change_are_the_librarys(text: str, is_reserved: bool) -> None:
    encoder, plain = encoder_of(make(nfc=True)), encoder_of(make())
    texts = pa.array([text, "between", text], TEXT)
    assert encoder.reserved(texts).tolist() == [is_reserved, False, is_reserved]
    assert not plain.reserved(texts).any()


def test_every_code_point_that_nfc_changes_is_reserved() -> None:
    normalizer, encoder = normalizers.NFC(), encoder_of(make(nfc=True))
    chars = [chr(code) for code in range(0x30000) if not 0xD800 <= code < 0xE000]
    texts = [f"a{char}" for char in chars] + [f"{char}\u0301" for char in chars[:0x3000]]
    changed = [normalizer.normalize_str(text) != text for text in texts]
    reserved = encoder.reserved(pa.array(texts, TEXT)).tolist()
    assert sum(changed) > 1000
    assert not [text for text, c, r in zip(texts, changed, reserved, strict=True) if c and not r]


def test_a_difference_is_found_at_load() -> None:
    tokenizer = make()
    encoder = encoder_of(tokenizer)
    assert difference(encoder, tokenizer) is None
    encoder.merges._arrays[MERGED][0] += 1
    encoder.forget()
    assert "ab" in str(difference(encoder, tokenizer))


Folder = Callable[[Tokenizer], Path]


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    def save(tokenizer: Tokenizer) -> Path:
        tokenizer.save(str(tmp_path / "tokenizer.json"))
        (tmp_path / "generation_config.json").write_text('{"eos_token_id": 3}')
        return tmp_path

    return save


def test_single_documents_go_to_the_library_in_their_place(folder: Folder) -> None:
    tokenizer = make(AddedToken("<tool>"), nfc=True)
    opened = open_folder("main", str(folder(tokenizer)))
    assert why_slow(opened) is None
    texts = ["ab", "a <tool> b", "e\u0301", "abcd", "", "x <tool>"]
    batches = list(encode(opened, pa.array(texts, TEXT)))
    assert [len(lengths) for _, lengths in batches] == [1, 2, 2, 1]
    expected = [i for e in tokenizer.encode_batch(texts, add_special_tokens=False) for i in (*e.ids, 3)]
    assert np.concatenate([ids for ids, _ in batches]).tolist() == expected


def test_a_tokenizer_that_differs_is_left_to_the_library(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    tokenizer = make()
    opened = open_folder("main", str(folder(tokenizer)))
    encode_module._kernels.cache_clear()
    monkeypatch.setattr("midmix.curation.tokenize.bpe.selftest.difference", lambda *_: "abc")
    assert why_slow(opened) == "the kernels' ids of 'abc' differ from its own"
    ((ids, _),) = encode(opened, pa.array(["abcd"], TEXT))
    assert ids.tolist() == [*tokenizer.encode("abcd").ids, 3]
    encode_module._kernels.cache_clear()


def test_a_tokenizer_that_is_not_covered_is_left_to_the_library(folder: Folder) -> None:
    tokenizer = make()
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex("b"), "isolated")
    opened = open_folder("main", str(folder(tokenizer)))
    assert "not one that ends with ByteLevel" in str(why_slow(opened))
    ((ids, lengths),) = encode(opened, pa.array(["abab", "a"], TEXT))
    assert ids.tolist() == [*tokenizer.encode("abab").ids, 3, *tokenizer.encode("a").ids, 3]
    assert lengths.tolist() == [5, 2]


def test_a_kept_table_that_was_cut_off_is_made_again(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(code_points, "cache_folder", lambda _: tmp_path / "kernels")
    calls = []

    def table() -> np.ndarray:
        calls.append(1)
        return np.full(code_points.CODES, 7, np.uint8)

    for _ in range(2):
        assert (code_points.kept_table("name", "1", table) == 7).all()
    assert len(calls) == 1
    (path,) = tmp_path.glob("name-*")
    path.write_bytes(path.read_bytes()[:-1])
    assert (code_points.kept_table("name", "1", table) == 7).all()
    assert len(calls) == 2
    code_points.kept_table("name", "2", table)
    assert len(calls) == 3
