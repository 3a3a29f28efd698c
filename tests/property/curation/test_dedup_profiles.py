"""Tokens of the profiles against regular expressions, on small texts by hand and on any text."""

from __future__ import annotations

import functools
import re
import unicodedata
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from midmix.config.dedup import Profile
from midmix.curation.dedup.profiles import PROFILES
from midmix.curation.dedup.profiles.batch import Batch, Scratch
from midmix.tables import TEXT

ODD = "\\\\\\$&+-=<>()[]{}_^.,:;'\"`~!?@#%/|\x00\x1c\x7f \n\t\u00a0\u2003\u3000\u2264\u2211\u00b2\u0663\u0301\u200d\u4e2d\u0394\u03b4\u0130\u212aÉé"
TEXTS = st.lists(st.text(st.one_of(st.sampled_from("aAbB019" + ODD), st.characters(codec="utf-8"))), max_size=5)
BEYOND = "\x80-\U0010ffff"
MATH = re.compile(
    rf"\\[A-Za-z{BEYOND}]+|\\[^\s0-9A-Za-z{BEYOND}]|[A-Za-z{BEYOND}]+|[0-9]+(?:\.[0-9]+)*|[^ ]", re.ASCII | re.S
)
CODE = re.compile(rf"(?:[A-Za-z0-9_{BEYOND}]|(?<=[0-9])\.(?=[0-9]))+|[^ ]", re.ASCII | re.S)


def tokens(profile: Profile, texts: list[str], scratch: Scratch | None = None) -> list[list[str]]:
    """The tokens of each text."""
    scratch = scratch or Scratch()
    batch = Batch(scratch, pa.array(texts, TEXT))
    PROFILES[profile](batch)
    firsts = batch.first_tokens[: len(texts) + 1].tolist()
    text, starts, ends = (scratch.array(n, 0, k) for n, k in zip(("text", "starts", "ends"), KINDS, strict=True))
    words = [text[a:b].tobytes().decode() for a, b in zip(starts[: firsts[-1]], ends[: firsts[-1]], strict=True)]
    return [words[a:b] for a, b in pairwise(firsts)]


KINDS = (np.uint8, np.uint32, np.uint32)


@functools.cache
def lower(text: str) -> str:
    return str(pc.utf8_lower(text).as_py())


def parted(text: str) -> str:
    """White space as U+0020, and spaces about every character beyond ASCII that is no letter, mark or joiner."""

    def part(char: str) -> str:
        if char.isspace():
            return " "
        inside = char < "\x80" or ord(char) >= 0x20000 or unicodedata.category(char).startswith(("L", "M", "Cf"))
        return char if inside else f" {char} "

    return "".join(map(part, text))


def small(token: str) -> str:
    """A token of the profile `math` lower-cased: words of two characters, but for letters of another length."""
    if token.startswith("\\") or len(token) < 2:
        return token
    return "".join(lower(c) if len(lower(c).encode()) == len(c.encode()) else c for c in token)


def slow_tokens(profile: Profile, text: str) -> list[str]:
    if profile == "plain":
        return lower(text).split()
    if profile == "code":
        return CODE.findall(parted(text))
    return [small(token) for token in MATH.findall(parted(text))]


@pytest.mark.parametrize(
    ("profile", "text", "expected"),
    [
        ("plain", "It's  X=3\u00a0ÉTÉ.", "it's|x=3|été."),
        ("math", r"Let $X^2+3.5x \le\Delta_{12}$", r"let|$|X|^|2|+|3.5|x|\le|\Delta|_|{|12|}|$"),
        ("math", r"\\alpha \\\Alpha \{ \1 1.2.3. a.b", r"\\|alpha|\\|\Alpha|\{|\|1|1.2.3|.|a|.|b"),
        ("math", "ÉTÉ Δ ΔX≤y Été3", "été|Δ|δx|≤|y|été|3"),
        ("code", "def Foo_1(x): return 3.14e-5==x", "def|Foo_1|(|x|)|:|return|3.14e|-|5|=|=|x"),
        ("code", "a.b 1.a .5 1.2.3\tÉx≤", "a|.|b|1|.|a|.|5|1.2.3|Éx|≤"),
        (
            "prose",
            "I can't cant 3,000.5 1.2.3 5km naïve ≠ ５km cannot",
            "i|can|t|ca|nt|0|0|0|0|0|km|naive|=|0|km|can|not",
        ),
        ("prose", "a1,2b 3.4c d5.6 1,,2 x5kg 7mph im", "a0b|0c|d0|0|0|x0|kg|0|mph|i|m"),
    ],
)
def test_tokens(profile: Profile, text: str, expected: str) -> None:
    assert tokens(profile, ["", text, " ", text])[1::2] == [expected.split("|")] * 2


@pytest.mark.parametrize("profile", ["math", "code"])
def test_two_equations_are_never_one_and_white_space_is_nothing(profile: Profile) -> None:
    equations = [
        "3x+2=5",
        "7x+2=5",
        "3x-2=5",
        "3x+2=-5",
        r"\frac{3}{x}",
        r"\sqrt{3}{x}",
        "(3x)+2=5",
        "3X+2=5",
        "3x+2=50",
    ]
    found = tokens(profile, equations)
    assert len({" ".join(one) for one in found}) == len(equations)
    spaced = [" ".join(one) for one in found]
    assert tokens(profile, spaced) == found


@pytest.mark.parametrize("profile", ["plain", "math", "code"])
@given(texts=TEXTS)
def test_tokens_of_any_text(profile: Profile, texts: list[str]) -> None:
    assert tokens(profile, texts) == [slow_tokens(profile, text) for text in texts]


@pytest.mark.parametrize("profile", ["plain", "math", "code"])
def test_tokens_across_blocks(profile: Profile, real_texts: list[str]) -> None:
    texts = [text[:3000] for text in real_texts[:40]]
    texts += [
        piece * count for piece in ("\\", "1.", "aB", "é", "≤", " ", "\\ab") for count in (31, 63, 64, 65, 127, 129)
    ]
    assert tokens(profile, texts) == [slow_tokens(profile, text) for text in texts]


def test_scratch_of_a_longer_batch_changes_nothing() -> None:
    scratch = Scratch()
    texts = ["one two 3\u00a0four", "naïve ≤ 5km"]
    for profile in PROFILES:
        fresh = tokens(profile, texts)
        tokens(profile, ["x1 é≤ " * 10_000], scratch)
        assert tokens(profile, texts, scratch) == fresh
