"""Languages against py3langid itself."""

from __future__ import annotations

import functools
from typing import Any

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from midmix.curation.classify.language import MAX_CHARS, NO_LANGUAGE, identify_languages
from midmix.tables import TEXT

WORDS = st.sampled_from(
    [
        "the",
        "report",
        "und",
        "der",
        "été",
        "l'hôtel",
        "комитет",
        "委員会",
        "def f(x):",
        "\\frac{a}{b}",
        "ÀÉ",
        "e\u0301",
        "😀",
        "42",
        "što",
        "ovo",
    ]
)
TEXTS = st.one_of(
    st.lists(WORDS, max_size=40).map(" ".join), st.text(st.characters(blacklist_categories=("Cs",)), max_size=60)
)


@functools.cache
def library() -> Any:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)


def check(texts: list[str]) -> None:
    languages, confidence = (column.to_pylist() for column in identify_languages(pa.array(texts, TEXT), 0.0))
    for text, language, value in zip(texts, languages, confidence, strict=True):
        ranked = library().rank(text[:MAX_CHARS])
        if value is None:
            assert ranked[0][1] < 0.02  # no feature: the library spreads its belief evenly
            continue
        assert abs(value - ranked[0][1]) < 1e-5
        if ranked[0][1] - ranked[1][1] > 1e-5:
            assert language == (None if ranked[0][0] == NO_LANGUAGE else ranked[0][0])


def test_real_texts(real_texts: list[str]) -> None:
    check(real_texts)


@given(st.lists(TEXTS, max_size=4))
def test_any_texts(texts: list[str]) -> None:
    check(texts)
