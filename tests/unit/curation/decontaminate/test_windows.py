"""Windows of tokens, on exact small values."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from midmix.curation.clean import text_buffers
from midmix.curation.decontaminate.tokens import tokenize
from midmix.curation.decontaminate.windows import SIZES, item_spans, size_for, span_texts, text_windows
from midmix.tables import TEXT


def test_the_smallest_window_that_holds_an_item() -> None:
    assert [size_for(n) for n in (1, 32, 33, 64, 65, 128, 129, 768)] == [32, 32, 64, 64, 128, 128, 128, 128]


def test_windows_of_texts() -> None:
    offsets = np.array([0, 32, 32, 65, 115], np.int64)
    assert text_windows(offsets, 32).tolist() == [
        [0, 0, 32], [2, 32, 64], [2, 48, 65], [3, 65, 97], [3, 81, 113], [3, 97, 115],
    ]  # fmt: skip
    assert text_windows(np.zeros(1, np.int64), 32).tolist() == []


@pytest.mark.parametrize("size", SIZES)
def test_an_item_stands_in_a_window_but_for_a_quarter(size: int) -> None:
    windows = text_windows(np.array([0, 5 * size + 3], np.int64), size)
    for length in (size // 2 + 1, size * 3 // 4, size):
        for at in range(5 * size + 3 - length):
            held = np.minimum(windows[:, 2], at + length) - np.maximum(windows[:, 1], at)
            assert held.max() >= 0.75 * length


def test_long_items_are_embedded_in_pieces() -> None:
    most = SIZES[-1]
    assert item_spans(5, 25) == [(5, 25)]
    assert item_spans(5, 5 + most) == [(5, 5 + most)]
    assert item_spans(0, 2 * most + 10) == [(0, most), (most, 2 * most), (most + 10, 2 * most + 10)]


def test_texts_of_spans_are_cut_between_characters() -> None:
    texts = pa.array(["“Où est l’été ½?” — x² ≤ 80,000 €!", "naïve $\\frac{a}{b}$ café"], TEXT)
    offsets, tokens = tokenize(texts)
    firsts, lasts = np.triu_indices(int(offsets[-1]) + 1, 1)
    inside = (firsts >= offsets[1]) | (lasts <= offsets[1])
    firsts, lasts = firsts[inside], lasts[inside]
    said = span_texts(text_buffers(texts)[1], tokens.begins, tokens.ends, firsts, lasts).to_pylist()
    whole = dict(zip(zip(firsts.tolist(), lasts.tolist(), strict=True), said, strict=True))
    assert whole[0, int(offsets[1])] == "Où est l’été ½?” — x² ≤ 80,000"
    assert whole[int(offsets[1]), int(offsets[2])] == "naïve $\\frac{a}{b}$ café"
