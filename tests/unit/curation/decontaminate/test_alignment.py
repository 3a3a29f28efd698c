"""Local alignment against a plain twin."""

from __future__ import annotations

import numpy as np
import pytest

from midmix.curation.decontaminate.alignment import (
    GAP,
    MOST_FIELD_TOKENS,
    MOST_WINDOW_TOKENS,
    NUMBER_FOR_NUMBER,
    OTHER,
    SCALE,
    WORD_FOR_WORD,
    Piece,
    align,
    make_room,
)  # fmt: skip
from midmix.curation.decontaminate.notation import NUMBER, OPERATOR, WORD

Token = tuple[int, int]  # code, class
ROOM = make_room()


def piece(tokens: list[Token], weights: list[int] | None = None) -> Piece:
    weights = weights or [SCALE] * len(tokens)
    words = sum(w for (_, kind), w in zip(tokens, weights, strict=True) if kind != NUMBER)
    numbers = sum(kind == NUMBER for _, kind in tokens)
    return Piece(*columns(tokens), np.array(weights, np.int32), words, numbers)


def columns(tokens: list[Token]) -> tuple[np.ndarray, np.ndarray]:
    return np.array([c for c, _ in tokens], np.uint32), np.array([k for _, k in tokens], np.uint8)


def words(*codes: int) -> list[Token]:
    return [(code, WORD) for code in codes]


def run(field: list[Token], text: list[Token], weights: list[int] | None = None):
    return align(piece(field, weights), *columns(text), 0.25, ROOM)


def test_verbatim() -> None:
    field = [*words(1, 2, 3), (70, NUMBER), (5, OPERATOR), *words(4)]
    first, last, e = run(field, [*words(8, 8), *field, *words(8)])
    assert (first, last) == (2, 8)
    assert e == (6, 1, 1.0, 1.0, 0.0, 6, 1, 0, 1, 6, 0, 0.25)


def test_another_number() -> None:
    field = [*words(1, 2), (70, NUMBER), *words(3, 4)]
    _, _, e = run(field, [*words(1, 2), (71, NUMBER), *words(3, 4), (70, NUMBER)])
    assert (e.matched, e.tokens, e.equal_numbers, e.other_numbers, e.present_numbers) == (1.0, 4, 0, 1, 1)
    assert (e.run, e.run_numbers) == (5, 1)


def test_words_that_replace_one_another_throughout() -> None:
    field = words(1, 2, 9, 3, 4, 5, 9, 6, 7)
    _, _, e = run(field, words(1, 2, 8, 3, 4, 5, 8, 6, 7))
    assert (e.matched, e.substituted) == (pytest.approx(7 / 9), pytest.approx(2 / 9))
    _, _, e = run(field, words(1, 2, 8, 3, 4, 5, 10, 6, 7))
    assert e.substituted == pytest.approx(1 / 9)


def test_a_word_too_many_and_one_too_few() -> None:
    _, _, e = run(words(1, 2, 3, 4, 5, 6), words(1, 2, 3, 9, 4, 6))
    assert (e.tokens, e.run, e.density) == (5, 3, pytest.approx(5 / 6))
    field = words(1, 2, 3, 4)
    _, _, e = run(field, [*words(1, 2), (5, OPERATOR), *words(3, 4)])
    assert e.run == 4  # an operator too many breaks no run


def test_nothing_in_common() -> None:
    first, last, e = run(words(1, 2, 3), words(4, 5))
    assert first == last
    assert (e.matched, e.tokens, e.run) == (0.0, 0, 0)


def test_the_longest_pieces_fit() -> None:
    field = words(*range(MOST_FIELD_TOKENS))
    text = words(*range(MOST_WINDOW_TOKENS))
    assert run(field, text)[:2] == (0, MOST_FIELD_TOKENS)


def best_score(field: list[Token], weights: list[int], text: list[Token]) -> int:
    """Smith and Waterman by the book."""
    rows = [[0] * (len(text) + 1) for _ in range(len(field) + 1)]
    for i, ((code, kind), weight) in enumerate(zip(field, weights, strict=True), 1):
        for j, (other, other_kind) in enumerate(text, 1):
            same = {NUMBER: NUMBER_FOR_NUMBER, WORD: WORD_FOR_WORD}.get(kind, OTHER)
            gain = weight if code == other else same if kind == other_kind else OTHER
            rows[i][j] = max(0, rows[i - 1][j - 1] + gain, rows[i - 1][j] + GAP, rows[i][j - 1] + GAP)
    return max(map(max, rows))


def test_the_best_alignment(seed: int = 3) -> None:
    """What is taken scores no less than the best there is: its ends are those of a best alignment."""
    rng = np.random.default_rng(seed)
    for _ in range(300):
        field, text = ([(int(c), int(c) % 3) for c in rng.integers(0, 9, rng.integers(1, 14))] for _ in range(2))
        weights = rng.integers(SCALE // 8, SCALE, len(field)).tolist()
        first, last, _ = run(field, text, weights)
        best = best_score(field, weights, text)
        assert best_score(field, weights, text[first:last]) == best
        if first < last:
            assert best_score(field, weights, text[first + 1 : last]) < best or best == 0
