"""Which tokenizer.json the kernels take, and why they refuse the others."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from tokenizers import AddedToken, Regex, Tokenizer, models, normalizers, pre_tokenizers, processors

from midmix.curation.tokenize.bpe.encoder import Encoder
from midmix.curation.tokenize.bpe.pattern import (
    APART,
    BYTE_LEVEL,
    CASED,
    DIGITS,
    EXPRESSIONS,
    GPT2,
    LETTERS,
    PIECES,
    Cut,
    NotCovered,
    read_cut,
    read_nfc,
)

ALPHABET = sorted(pre_tokenizers.ByteLevel.alphabet())


def written(**parts: Any) -> dict[str, Any]:
    """A byte-level tokenizer.json with some of its parts replaced."""
    model = parts.pop("model", {})
    vocabulary = {char: number for number, char in enumerate(ALPHABET)} | {"ab": 256}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[("a", "b")], **model))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    for name, part in parts.items():
        setattr(tokenizer, name, part)
    tokenizer.add_special_tokens([AddedToken("<|end|>")])
    return dict(json.loads(tokenizer.to_str()))


def split(expression: str, behavior: str = "isolated", *, invert: bool = False) -> pre_tokenizers.Sequence:
    own = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    return pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(expression), behavior, invert), own])


def test_patterns_are_known_by_their_expressions() -> None:
    assert read_cut(written()["pre_tokenizer"]) == BYTE_LEVEL == Cut(GPT2)
    digits = pre_tokenizers.Sequence([pre_tokenizers.Digits(True), pre_tokenizers.ByteLevel(add_prefix_space=False)])
    assert read_cut(written(pre_tokenizer=digits)["pre_tokenizer"]) == Cut(DIGITS)
    cuts = {(cut.kind, cut.max_digits, cut.with_marks) for cut in EXPRESSIONS.values()}
    assert cuts == {(LETTERS, 3, False), (LETTERS, 1, False), (LETTERS, 1, True), (CASED, 3, False), (PIECES, 3, False)}
    llama = next(iter(EXPRESSIONS))[0]
    assert read_cut(written(pre_tokenizer=split(llama))["pre_tokenizer"]) == Cut(LETTERS, 3)
    assert read_cut(written(pre_tokenizer=split(llama, "removed", invert=True))["pre_tokenizer"]) == Cut(LETTERS, 3)


@pytest.mark.parametrize(
    ("pre_tokenizer", "reason"),
    [
        (None, "none, not one that ends with ByteLevel"),
        (pre_tokenizers.Metaspace(), "Metaspace, not one that ends with ByteLevel"),
        (pre_tokenizers.ByteLevel(), "add_prefix_space"),
        (split(r"\w+"), "none of those that the kernels know"),
        (split(next(iter(EXPRESSIONS))[0], "merged_with_next"), "none of those"),
        (split(next(iter(EXPRESSIONS))[0], "removed"), "none of those"),
        (
            pre_tokenizers.Sequence(
                [pre_tokenizers.Digits(individual_digits=False), pre_tokenizers.ByteLevel(add_prefix_space=False)]
            ),
            r"Digits \+ ByteLevel, not ByteLevel alone",
        ),
    ],
)
def test_other_pre_tokenizers_are_refused(pre_tokenizer: Any, reason: str) -> None:
    file = written(pre_tokenizer=pre_tokenizer) if pre_tokenizer else {**written(), "pre_tokenizer": None}
    with pytest.raises(NotCovered, match=reason):
        Encoder(file)


def test_normalizers() -> None:
    assert not read_nfc(None)
    assert not read_nfc({"type": "Sequence", "normalizers": []})
    assert read_nfc(written(normalizer=normalizers.NFC())["normalizer"])
    with pytest.raises(NotCovered, match="its normalizer is NFC \\+ Lowercase"):
        read_nfc(written(normalizer=normalizers.Sequence([normalizers.NFC(), normalizers.Lowercase()]))["normalizer"])


@pytest.mark.parametrize(
    ("model", "reason"),
    [
        ({"dropout": 0.1}, "dropout"),
        ({"byte_fallback": True}, "byte_fallback"),
        ({"end_of_word_suffix": "</w>"}, "end_of_"),
    ],
)
def test_models_with_more_than_merges_are_refused(model: dict[str, Any], reason: str) -> None:
    file = written()
    file["model"] |= model
    with pytest.raises(NotCovered, match=f"its model has {reason}"):
        Encoder(file)


def test_a_model_of_another_kind_is_refused() -> None:
    file = written()
    file["model"]["type"] = "Unigram"
    with pytest.raises(NotCovered, match="its model is Unigram, not BPE"):
        Encoder(file)


def test_a_vocabulary_without_all_bytes_is_refused() -> None:
    file = written()
    del file["model"]["vocab"]["Ġ"]
    with pytest.raises(NotCovered, match="no token for 1 of 256 bytes"):
        Encoder(file)


def test_post_processors_that_only_add_special_tokens_are_taken() -> None:
    template = processors.TemplateProcessing(single="<|end|> $0", special_tokens=[("<|end|>", 257)])
    Encoder(written(post_processor=processors.Sequence([processors.ByteLevel(), template])))
    file = written()
    file["post_processor"] = {"type": "Other"}
    with pytest.raises(NotCovered, match="its post-processor is Other"):
        Encoder(file)


@pytest.fixture
def class_of() -> Callable[[Cut, str], int]:
    return lambda cut, char: int(cut.classes()[ord(char)])


def test_classes_follow_the_cut(class_of: Callable[[Cut, str], int]) -> None:
    letters, cased, pieces = Cut(LETTERS, 3), Cut(CASED, 3), Cut(PIECES, 3)
    assert class_of(letters, "a") == class_of(letters, "A") == class_of(letters, "漢")
    assert class_of(letters, "\u0301") == class_of(letters, "!") != class_of(letters, "a")
    assert class_of(Cut(LETTERS, 1, with_marks=True), "\u0301") == class_of(letters, "a")
    assert len({class_of(cased, char) for char in "aA漢\u0301!1 \t\n"}) == 9
    assert class_of(pieces, "漢") == class_of(pieces, "a") + APART
    assert class_of(pieces, "\u001c") == class_of(pieces, "\u200b") != class_of(pieces, "\t")  # to Python white space
