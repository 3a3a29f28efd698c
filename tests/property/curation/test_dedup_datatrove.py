"""The profile `prose` against datatrove's own signatures, bit for bit."""

from __future__ import annotations

import functools
import importlib.metadata
import random
import sys
import unicodedata
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from midmix.curation.dedup.parameters import SignatureSettings
from midmix.curation.dedup.profiles.batch import Batch, Scratch
from midmix.curation.dedup.profiles.chunks import Chunks
from midmix.curation.dedup.profiles.prose import cut
from midmix.curation.dedup.shingles import shingle
from midmix.curation.dedup.signatures import minima
from midmix.tables import TEXT

SETTINGS = SignatureSettings(profile="prose", ngram=5, bands=14, rows=8, seed=1)
WORDS = (
    "cannot dont can't I'm 'tis gimme gonna whatcha cant've em 5km 10mb 7kg. 3µg 2mbar x5t 3.5 10,000 1.2.3 12 x1y2 a.5 ٣.٤km ５ ５km २.३ "
    "1,2b 0.5,3 ≠ ≠) ‘s ‘ s ； ; ` Ⅷ ß ẞ ΑΣ ΑΣ.Β ΑΣ’ ﬁ Å 한국어 ｈＡ e\u0301 \u0301 İ ǅ ⎖ 1⎖2 𝟙𝟚.𝟛 \U00011f51 \U00016d71.\U00016d72 "
    "<space> ಠ︵ಠ ¯\\_(ツ)_/¯ 中文段落。 "
    "naïve café's „Hi“ \x00 a\x00b a\x85b a\u2028b \ufeffx \u200d 😀 👩\u200d👩 🇩🇪 http://a.de/b?c=1 me@x.org A.B. U.S. C++ $5 5$ %d"
).split(" ")
TEXTS = st.lists(
    st.one_of(st.sampled_from(WORDS), st.text(max_size=8), st.text("abkm019.,'", max_size=6)), min_size=1, max_size=30
)


@functools.cache
def oracle() -> Any:
    from datatrove.pipeline.dedup.minhash import MinhashConfig, MinhashDedupSignature

    assert importlib.metadata.version("datatrove")
    return MinhashDedupSignature("/dev/null", config=MinhashConfig())


def same_as_datatrove(texts: list[str]) -> None:
    column = pa.array(texts, TEXT)
    mine, sets = minima(column, SETTINGS), shingle(column, SETTINGS)
    for number, text in enumerate(texts):
        theirs = oracle().get_shingles(text)
        found = sets.hashes[sets.offsets[number] : sets.offsets[number + 1]]
        assert list(dict.fromkeys(theirs[:, 0].tolist())) == found.tolist(), text
        if len(theirs):
            assert list(chain.from_iterable(oracle().get_signature(theirs))) == mine[number].tolist(), text


def odd_texts(count: int, repository: Path) -> list[str]:
    sys.path.insert(0, str(repository / "benchmarks"))
    from odd import odd_documents

    return list(odd_documents(count))


@given(st.lists(TEXTS.map(" ".join), min_size=1, max_size=4))
def test_any_text(texts: list[str]) -> None:
    same_as_datatrove(texts)


def test_odd_documents(repository: Path) -> None:
    texts = odd_texts(60, repository)
    same_as_datatrove([*texts[:-1], texts[-1][:100_000], ""])


def test_real_documents(real_texts: list[str]) -> None:
    same_as_datatrove([text[:5000] for text in real_texts[::4]])


@pytest.mark.full
def test_many_odd_documents_and_a_line_of_1_mb(repository: Path, real_texts: list[str]) -> None:
    same_as_datatrove(odd_texts(3000, repository))
    same_as_datatrove(real_texts)


@pytest.mark.full
def test_every_character_but_most_ideographs() -> None:
    kinds = {chr(code): unicodedata.category(chr(code)) for code in range(0x110000)}
    plain = [char for char, kind in kinds.items() if kind not in ("Cn", "Co", "Cs", "Lo")]
    codes = plain + [char for char, kind in kinds.items() if kind == "Lo"][::20]
    for context in ("{}", "a{}b", "1{}2", "Σ{}", "{}.", "5{}km"):
        texts = [" ".join(context.replace("{}", c) for c in codes[i : i + 3000]) for i in range(0, len(codes), 3000)]
        same_as_datatrove(texts)


def test_words_do_not_depend_on_the_dictionary() -> None:
    source = random.Random(3)
    texts = [" ".join(source.choices([*WORDS, "é" * 9, "ü"], k=300)) for _ in range(20)]

    def words(dictionary: Chunks, some: list[str]) -> bytes:
        scratch = Scratch()
        batch = Batch(scratch, pa.array(some, TEXT))
        cut(batch, dictionary)
        count = int(batch.first_tokens[len(some)])
        end = int(scratch.array("ends", 0, np.uint32)[count - 1])
        return scratch.array("text", 0, np.uint8)[:end].tobytes()

    fresh = [words(Chunks(), [text]) for text in texts]
    small, kept = Chunks(first_slots=16, most_arena=100), Chunks()
    assert [words(small, [text]) for text in texts] == fresh
    assert [words(kept, [text]) for text in [*texts, *texts]] == fresh * 2
