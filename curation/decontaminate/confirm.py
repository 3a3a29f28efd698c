"""Candidates of the embedding layer, confirmed by words and numbers: alignment and verdict as in the default layer.

What no rule of the default layer takes may still be the item reworded: see `is_paraphrase`. The embedding alone never
tells.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from midmix.curation.decontaminate.alignment import (
    MOST_FIELD_TOKENS,
    MOST_WINDOW_TOKENS,
    SCALE,
    Piece,
    align,
    make_room,
)
from midmix.curation.decontaminate.index import Lookup
from midmix.curation.decontaminate.notation import NUMBER
from midmix.curation.decontaminate.tokens import Tokens
from midmix.curation.decontaminate.verdict import LEAK, NONE, PARAPHRASED, is_paraphrase, judge
from midmix.curation.decontaminate.windows import SIZES
from midmix.jit import njit

# Tokens beyond a quarter of the window, and text per token of the item, on either side, as in the search by grams.
_MARGIN = 12
_LOOSE = 1.3
# Text that is compared with an item: the widest window with its slack, and the rest of the longest field on its sides.
assert SIZES[-1] * 3 // 2 + 2 * _MARGIN + int(MOST_FIELD_TOKENS * _LOOSE) <= MOST_WINDOW_TOKENS
# What a token that the item has not costs where a paraphrase's place is told.
_STRANGE = SCALE // 3
# Columns of a candidate: text, first token of the window, token after its last, piece, first token of what was
# embedded of the piece, token after its last, both counted from the piece's first.
TEXT_COLUMN, FIRST, LAST, PIECE, PIECE_FIRST, PIECE_LAST = range(6)
Rows = npt.NDArray[np.int64]


@njit
def _holds(piece, codes, classes, used):  # type: ignore[no-untyped-def]
    """(share of the piece's weight without numbers that stands anywhere in a text, numbers that stand there, each once)."""
    weight, numbers = 0, 0
    used[: codes.size] = False
    for k in range(piece.codes.size):
        for at in range(codes.size):
            if codes[at] == piece.codes[k] and not used[at]:
                if piece.classes[k] == NUMBER:
                    used[at] = True
                    numbers += 1
                else:
                    weight += piece.weights[k]
                break
    return weight / max(piece.words, 1), numbers


@njit
def _extent(piece, codes):  # type: ignore[no-untyped-def]
    """(first, after the last) of the run of tokens that gathers most of the piece's, in any order, and least of others."""
    best, low, high = 0, 0, 0
    score, first = 0, 0
    for at in range(codes.size):
        gain = -_STRANGE
        for k in range(piece.codes.size):
            if piece.codes[k] == codes[at]:
                gain = piece.weights[k]
                break
        if score <= 0:
            score, first = 0, at
        score += gain
        if score > best:
            best, low, high = score, first, at + 1
    return low, high


@njit
def _confirm(candidates, offsets, codes, tokens, index, room, rows, shares):  # type: ignore[no-untyped-def]
    """Write text, piece, label, rule, first byte, byte after the last, and share of each one confirmed; how many."""
    used = np.zeros(MOST_WINDOW_TOKENS, np.bool_)
    filled = 0
    for k in range(candidates.shape[0]):
        doc, number = candidates[k, TEXT_COLUMN], candidates[k, PIECE]
        begin, end = index.starts[number], index.ends[number]
        piece = Piece(
            index.codes[begin:end],
            index.classes[begin:end],
            index.token_weights[begin:end],
            index.words[number],
            index.numbers[number],
        )
        slack = (candidates[k, LAST] - candidates[k, FIRST]) // 4 + _MARGIN
        before = np.int64(candidates[k, PIECE_FIRST] * _LOOSE) + slack
        behind = np.int64((end - begin - candidates[k, PIECE_LAST]) * _LOOSE) + slack
        left = max(offsets[doc], candidates[k, FIRST] - before)
        right = min(offsets[doc + 1], candidates[k, LAST] + behind)
        low, high, evidence = align(piece, codes[left:right], tokens.classes[left:right], 0.0, room)
        label, rule = judge(evidence, index.kinds[number])
        share = evidence.matched
        if label == NONE:
            share, present = _holds(piece, codes[left:right], tokens.classes[left:right], used)
            if not is_paraphrase(end - begin, piece.numbers, present, share, index.kinds[number]):
                continue
            label, rule = LEAK, PARAPHRASED
            low, high = _extent(piece, codes[left:right])
        rows[filled, 0], rows[filled, 1], rows[filled, 2], rows[filled, 3] = doc, number, label, rule
        rows[filled, 4], rows[filled, 5] = tokens.begins[left + low], tokens.ends[left + high - 1]
        shares[filled] = share
        filled += 1
    return filled


def confirm(
    candidates: Rows, offsets: npt.NDArray[np.int64], tokens: Tokens, lookup: Lookup
) -> tuple[Rows, npt.NDArray[np.float64]]:
    """Rows int64 [m, 6]: text, piece, label, rule, first byte, byte after the last; float64 [m], share of the weight.

    The tokens of text k lie from offsets[k] on; bytes count as those of `tokens` do.
    """
    rows, shares = np.zeros((len(candidates), 6), np.int64), np.zeros(len(candidates))
    codes = (tokens.hashes & np.uint64(0xFFFFFFFF)).astype(np.uint32)
    count = _confirm(candidates, offsets, codes, tokens, lookup, make_room(), rows, shares)
    return rows[:count], shares[:count]
