"""Where chunks end, pattern by pattern, on texts whose cuts are written out."""

from __future__ import annotations

import numpy as np
import pytest

from midmix.curation.tokenize.bpe.pattern import CASED, DIGITS, GPT2, LETTERS, PIECES, Cut
from midmix.curation.tokenize.bpe.split import chunk_end

LLAMA3, QWEN2, QWEN3_5, O200K, DEEPSEEK = (
    Cut(LETTERS, 3),
    Cut(LETTERS, 1),
    Cut(LETTERS, 1, with_marks=True),
    Cut(CASED, 3),
    Cut(PIECES, 3),
)


def chunks(cut: Cut, text: str) -> list[str]:
    """The chunks of a text."""
    data = np.frombuffer(text.encode() + b"a" * 16, np.uint8)  # what lies behind must not matter
    classes = cut.classes()
    at, end = data.ctypes.data, data.ctypes.data + len(text.encode())
    found = []
    while at < end:
        stop = chunk_end(cut.kind, cut.max_digits, classes.ctypes.data, at, end)
        assert stop > at
        found.append(data[at - data.ctypes.data : stop - data.ctypes.data].tobytes().decode())
        at = stop
    return found


def test_runs_of_letters_of_every_length() -> None:
    # Eight letters are looked at together; the sum that asks for their highest bits overflows int64.
    for length in range(1, 40):
        for text in ("z" * length, "A" * length):
            for cut in (Cut(GPT2), LLAMA3, QWEN2, DEEPSEEK):
                assert chunks(cut, f"{text} {text}.") == [text, f" {text}", "."]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("it's  a\tb\n", ["it", "'s", " ", " a", "\t", "b", "\n"]),
        ("IT'S 'Tis", ["IT", "'", "S", " '", "Tis"]),
        ("x1234 5!", ["x", "1234", " 5", "!"]),
        ("a \n\n b", ["a", " \n\n", " b"]),
        ("é漢\u0301 ½", ["é漢", "\u0301", " ½"]),
        ("a  ", ["a", "  "]),
    ],
)
def test_gpt2(text: str, expected: list[str]) -> None:
    assert chunks(Cut(GPT2), text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("it's  a\tb\n", ["it", "'s", " ", " a", "\tb", "\n"]),
        ("IT'S 'Tis", ["IT", "'S", " '", "Tis"]),
        ("a'ſb", ["a", "'ſ", "b"]),
        ("x1234567 5!?\n\nq", ["x", "123", "456", "7", " ", "5", "!?\n\n", "q"]),
        ("a \n\n  b", ["a", " \n\n", " ", " b"]),
        (" \n \n\t", [" \n \n", "\t"]),
        ("(foo) \u00a0bar", ["(foo", ")", " ", "\u00a0bar"]),
    ],
)
def test_llama3(text: str, expected: list[str]) -> None:
    assert chunks(LLAMA3, text) == expected


def test_qwen_takes_digits_one_by_one_and_its_newer_one_marks_as_letters() -> None:
    assert chunks(QWEN2, "a12 क\u094dष") == ["a", "1", "2", " क", "\u094dष"]
    assert chunks(QWEN3_5, "a12 क\u094dष") == ["a", "1", "2", " क\u094dष"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("camelCaseHTTPServer", ["camel", "Case", "HTTPServer"]),
        ("don't DON'T x'Re", ["don't", " DON'T", " x'Re"]),
        ("XY漢Z漢", ["XY漢Z漢"]),
        ("XY漢ZQ", ["XY漢", "ZQ"]),
        ("AB\u0301CD", ["AB\u0301", "CD"]),
        ("\u0301AB", ["\u0301", "AB"]),
        ("!!\u0301/a", ["!!\u0301/", "a"]),
        ("a://b/\n/c", ["a", "://", "b", "/\n/", "c"]),
        ("1234", ["123", "4"]),
    ],
)
def test_o200k(text: str, expected: list[str]) -> None:
    assert chunks(O200K, text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("(foo)é", ["(foo", ")", "é"]),
        ("(fooé", ["(foo", "é"]),
        ("漢字かなabc", ["漢字かな", "abc"]),
        ("カー・ド", ["カー", "・", "ド"]),
        ("a  12345", ["a", "  ", "123", "45"]),
        ("a  漢", ["a", "  ", "漢"]),
        ("\u200b\u200bab", ["\u200b", "\u200bab"]),
        ("\u200b\u200b!", ["\u200b\u200b", "!"]),
        (" !!ab\n", [" !!", "ab", "\n"]),
    ],
)
def test_deepseek(text: str, expected: list[str]) -> None:
    assert chunks(DEEPSEEK, text) == expected


def test_single_digits_are_pieces_before_gpt2s_expression() -> None:
    assert chunks(Cut(DIGITS), "a  12 3½x\n\n4") == ["a", "  ", "1", "2", " ", "3", "½", "x", "\n\n", "4"]
