"""Local alignment of a field with a window of a text (Smith and Waterman 1981), weighted by how rare words are.

An equal token scores its weight; a number for a number scores, a word for a word costs little. Scores are integers of
1/SCALE, so that they are the same everywhere.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from midmix.curation.decontaminate.notation import NUMBER, OPERATOR, WORD
from midmix.curation.decontaminate.verdict import Evidence
from midmix.jit import njit

SCALE = 4096
NUMBER_FOR_NUMBER, WORD_FOR_WORD, OTHER, GAP = SCALE // 4, -SCALE // 4, -SCALE // 2, -SCALE // 5
# Tokens of a field that are aligned at once; longer fields are cut into pieces.
MOST_FIELD_TOKENS = 768
MOST_WINDOW_TOKENS = MOST_FIELD_TOKENS * 8 // 5 + 60
_NOTHING, _BOTH, _FIELD_ALONE, _TEXT_ALONE = range(4)


class Piece(NamedTuple):
    """Tokens of a field, or of a piece of a long one: code uint32 (half of the hash), class, weight in 1/SCALE.

    words: weight of all tokens but numbers; numbers: how many are numbers.
    """

    codes: npt.NDArray[np.uint32]
    classes: npt.NDArray[np.uint8]
    weights: npt.NDArray[np.int32]
    words: int
    numbers: int


class Room(NamedTuple):
    """Memory of alignments, made once: steps uint8 [fields + 1, window + 1]; rows int32; codes of substituted words."""

    steps: npt.NDArray[np.uint8]
    above: npt.NDArray[np.int32]
    here: npt.NDArray[np.int32]
    substituted: npt.NDArray[np.uint32]
    substitutes: npt.NDArray[np.uint32]


@njit
def make_room() -> Any:
    """Memory for alignments of the longest pieces."""
    return Room(
        np.zeros((MOST_FIELD_TOKENS + 1, MOST_WINDOW_TOKENS + 1), np.uint8),
        np.zeros(MOST_WINDOW_TOKENS + 1, np.int32),
        np.zeros(MOST_WINDOW_TOKENS + 1, np.int32),
        np.zeros(MOST_FIELD_TOKENS, np.uint32),
        np.zeros(MOST_FIELD_TOKENS, np.uint32),
    )


@njit
def _fill(piece, codes, classes, steps, above, here):  # type: ignore[no-untyped-def]
    """Best scores of alignments that end at each pair of tokens, row by row; (row, column) of the best one."""
    width = codes.size
    above[: width + 1] = 0
    best, best_row, best_column = np.int32(0), 0, 0
    for row in range(piece.codes.size):
        code, kind, weight = piece.codes[row], piece.classes[row], piece.weights[row]
        other = OTHER
        if kind == NUMBER:
            other = NUMBER_FOR_NUMBER
        elif kind == WORD:
            other = WORD_FOR_WORD
        step = steps[row + 1]
        here[0] = 0
        for column in range(width):  # what the row above gives
            gain = weight if codes[column] == code else (other if classes[column] == kind else OTHER)
            both = above[column] + np.int32(gain)
            alone = above[column + 1] + np.int32(GAP)
            here[column + 1] = max(both, alone)
            step[column + 1] = _FIELD_ALONE if alone > both else _BOTH
        score = np.int32(0)
        for column in range(1, width + 1):  # what the row itself gives
            alone = score + np.int32(GAP)
            score = here[column]
            if alone > score:
                score = alone
                step[column] = _TEXT_ALONE
            if score <= 0:
                score = np.int32(0)
                step[column] = _NOTHING
            here[column] = score
            if score > best:
                best, best_row, best_column = score, row + 1, column
        above, here = here, above
    return best_row, best_column


@njit
def _substitutes(code, other, substituted, substitutes, count):  # type: ignore[no-untyped-def]
    """Whether a word can stand for another throughout, given what stood for what before."""
    broken = False
    for k in range(count):
        broken |= (substituted[k] == code) != (substitutes[k] == other)
    return not broken


@njit
def align(piece, codes, classes, overlap, room):  # type: ignore[no-untyped-def]
    """(first token, token after the last, Evidence) of the best local alignment of a piece with a window of a text."""
    row, column = _fill(piece, codes, classes, room.steps, room.above, room.here)
    last = column
    matched, within, substituted = 0, 0, 0
    tokens, equal, others, pairs = 0, 0, 0, 0
    run, longest, run_others, longest_others = 0, 0, 0, 0
    while row > 0 and column > 0 and room.steps[row, column] != _NOTHING:
        step = room.steps[row, column]
        kind = piece.classes[row - 1]
        if step == _TEXT_ALONE:
            column -= 1
            if classes[column] != OPERATOR:
                run, run_others = 0, 0
            continue
        weight = piece.weights[row - 1]
        row -= 1
        if step == _FIELD_ALONE:
            within += 0 if kind == NUMBER else weight
            run, run_others = 0, 0
            continue
        column -= 1
        code, other = piece.codes[row], codes[column]
        if code == other:
            run += 1
            tokens += 1
            if kind == NUMBER:
                equal += 1
            else:
                matched += weight
                within += weight
        elif kind == NUMBER and classes[column] == NUMBER:
            others += 1
            run += 1
            run_others += 1
        else:
            run = 0
            if kind != NUMBER:
                within += weight
            are_words = kind == WORD and classes[column] == WORD
            if are_words and _substitutes(code, other, room.substituted, room.substitutes, pairs):
                substituted += weight
                room.substituted[pairs], room.substitutes[pairs] = code, other
                pairs += 1
        if run > longest:
            longest, longest_others = run, run_others
        if run == 0:
            run_others = 0
    total = max(piece.words, 1)
    evidence = Evidence(
        piece.codes.size, piece.numbers, matched / total, matched / max(within, 1), substituted / total, tokens, equal,
        others, _present(piece, codes), longest, longest_others, overlap,
    )  # fmt: skip
    return column, last, evidence


@njit
def _present(piece, codes):  # type: ignore[no-untyped-def]
    """How many of the piece's numbers stand anywhere in the window."""
    present = 0
    for k in range(piece.codes.size):
        if piece.classes[k] == NUMBER:
            for code in codes:
                if code == piece.codes[k]:
                    present += 1
                    break
    return present
