"""Ids of the kernels against those of `tokenizers`, pattern by pattern: random, real and hostile texts, all code points."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer

FAMILIES = ("gpt2", "smollm", "llama3", "qwen2", "qwen3_5", "o200k", "deepseek_v3")
Same = Callable[[str, Sequence[str]], None]
CODES = [code for code in range(0x110000) if not 0xD800 <= code < 0xE000]
# Where a code point of another class changes what matches, in one pattern or another.
CONTEXTS = (
    "{0}",
    "a{0}b",
    "A{0}b{0}",
    " {0}a",
    "1{0}2",
    "漢{0}か",
    "!{0}!",
    "  {0} \n{0}\n",
    "'{0}'s{0}",
    "a{0}{0}{0}{0} .",
)
# Characters that patterns name, and one or more of every class that they tell apart.
HOSTILE = (
    "aeknzAKZ'sStTrReEvVmMlLdDſ''’  \t\n\n\r\u0085\u00a0\u2028\u3000.,!/#_<\\~0129٣½²Ⅷéßǅʰªσ漢字々かなカー・゠゛\u3040\u309a"
    "\u0301\u094d\u0915ᄀ\u1161한\u200b\u200d\x00\x1c\x1f\x7f“€😀𝒜\U000e0001\ue000\u0378\uffff"
)


@pytest.mark.parametrize("family", FAMILIES)
def test_random_texts(family: str, same_ids: Same) -> None:
    choose = random.Random(family)
    codes = [chr(code) for code in CODES]
    texts = ["".join(choose.choices(HOSTILE, k=choose.randrange(30))) for _ in range(15_000)]
    texts += ["".join(choose.choices(codes, k=choose.randrange(12))) for _ in range(3_000)]
    same_ids(family, texts)


@pytest.mark.parametrize("family", FAMILIES)
@settings(max_examples=60, deadline=None)
@given(texts=st.lists(st.one_of(st.text(max_size=60), st.text(alphabet=HOSTILE, max_size=60)), max_size=8))
def test_texts_that_hypothesis_finds(family: str, same_ids: Same, texts: list[str]) -> None:
    same_ids(family, texts)


@pytest.mark.parametrize("family", FAMILIES)
def test_code_points(family: str, same_ids: Same) -> None:
    # Beyond the first two planes classes change seldom; every code point is asked about in the full test.
    some = [*range(0x400), *range(0x400, 0x3100, 7), *range(0x3100, 0x11000, 61), *range(0x11000, 0x110000, 1997)]
    chars = [chr(code) for code in some if not 0xD800 <= code < 0xE000]
    same_ids(family, ["".join(context.format(char) for context in CONTEXTS) for char in chars])


@pytest.mark.full
@pytest.mark.parametrize("family", FAMILIES)
def test_every_code_point_in_every_context(family: str, same_ids: Same) -> None:
    for first in range(0, len(CODES), 50_000):
        chars = [chr(code) for code in CODES[first : first + 50_000]]
        same_ids(family, ["|".join(context.format(char) for context in CONTEXTS) for char in chars])


@pytest.mark.parametrize("family", FAMILIES)
def test_lengths_around_every_border(family: str, same_ids: Same) -> None:
    # Keys end at 8 and 15 bytes, the dictionary at 512, the places of a merge at 64, scratch space at 4,096.
    short, long = [*range(1, 20), *range(61, 68), *range(509, 516)], [4095, 4096, 4097, 9000]
    units = ("a", "ab", " ", "\n", "!", "7", "é", "漢", "Ab", "\u0301", "ſ", "the ", " a\n")
    texts = [(unit * length)[:length] + end for unit in units for length in short for end in ("", "x", "'s")]
    texts += [(unit * length)[:length] for unit in ("ab", " ", "漢") for length in long]
    # Once more with another end: by then all are in the dictionary, and equal beginnings do not make equal chunks.
    same_ids(family, [*texts, *(text + "q" for text in texts)])


@pytest.mark.parametrize("family", FAMILIES)
def test_source_code_and_prose(family: str, same_ids: Same, source_texts: list[str]) -> None:
    same_ids(family, source_texts[::4])


@pytest.mark.full
@pytest.mark.parametrize("family", FAMILIES)
def test_all_the_source_code_and_cuts_of_it(family: str, same_ids: Same, source_texts: list[str]) -> None:
    same_ids(family, source_texts)
    same_ids(family, [text[start:] for text in source_texts for start in range(0, 2000, 37)])


@pytest.mark.parametrize("family", ["gpt2", "o200k"])
def test_a_tokenizer_of_many_merges_of_long_runs(
    family: str, trained: Callable[[str], Tokenizer], same_ids: Same
) -> None:
    # Overlapping equal pairs: the leftmost merges first, whichever route a length takes.
    choose = random.Random(1)
    same_ids(family, ["".join(choose.choices("aab", k=choose.randrange(1, 300))) for _ in range(400)])
