"""Frames and the hashes of texts against regular expressions and xxhash, on any text."""

from __future__ import annotations

import re

import numpy as np
import pytest
import xxhash
from hypothesis import given
from hypothesis import strategies as st

from midmix.curation.dedup.frames import put_frame
from midmix.curation.dedup.hashes import SEED_1, SEED_2, put_hash, xxh64

NUMBER = re.compile(r"[0-9]+(?:[.,][0-9]+)*")
NAME = r"(?<![A-Za-z0-9_\x80-\U0010ffff])[A-Z][a-z]{1,62}(?![A-Za-z0-9_\x80-\U0010ffff])"
NAMES = re.compile(f"{NAME}(?: {NAME})*")
PARTS = [
    "Tom",
    "Ann",
    "a",
    "B",
    "Bb",
    "7",
    "12",
    "3.5",
    "1,000",
    ".",
    ",",
    " ",
    " ",
    "  ",
    "é",
    "É",
    "_",
    "AB",
    "AbAb",
    "\n",
]
LONG = ["x" * 30, "9" * 70, "1." * 40, "Q" + "q" * 62, "Q" + "q" * 63, "w" * 63, " " * 63]
TEXTS = st.one_of(st.lists(st.sampled_from(PARTS + LONG), max_size=40).map("".join), st.text())


def frame(text: str) -> str:
    """The frame, with more numbers and names behind the text and where the frame goes."""
    data = text.encode()
    source = np.frombuffer(data + b"7Ab ,8Cd" * 16, np.uint8)
    target = np.full(len(data) + 128, 0x37, np.uint8)
    end = put_frame(source.ctypes.data, source.ctypes.data + len(data), target.ctypes.data)
    return target[: end - target.ctypes.data].tobytes().decode()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x = 17", "x = 0"),
        ("3.14 and 1,000,000.5", "0 and 0"),
        ("3. 4 .5 6,", "0. 0 .0 0,"),
        ("a1b22.c", "a0b0.c"),
        ("1..2 1.,2", "0..0 0.,0"),
        ("٣ ½ é9", "٣ ½ é0"),
        ("Tom has 3 apples.", "N has 0 apples."),
        ("Mary Ann Smith, MyClass Tom_1 A IBM Tom's", "N, MyClass Tom_0 A IBM N's"),
        ("Tom  Ann\nTom Éa aTom", "N  N\nN Éa aTom"),
        ("", ""),
    ],
)
def test_frame(text: str, expected: str) -> None:
    assert frame(text) == expected


@given(TEXTS)
def test_frame_of_any_text(text: str) -> None:
    assert frame(text) == NUMBER.sub("0", NAMES.sub("N", text))


@given(st.binary(max_size=200), st.integers(0, 2**63 - 1), st.integers(0, 9))
def test_hashes_are_those_of_xxhash(data: bytes, seed: int, skip: int) -> None:
    memory = np.frombuffer(b"x" * skip + data + b"y" * 40, np.uint8)
    at = memory.ctypes.data + skip
    assert int(xxh64(at, len(data), seed)) == xxhash.xxh64_intdigest(data, seed)
    both = np.zeros(2, np.uint64)
    put_hash(at, len(data), both.ctypes.data)
    assert both.tolist() == [xxhash.xxh64_intdigest(data, s) for s in (SEED_1, SEED_2)]
