"""Stages that draw from the same documents get each their own: slices in proportion to what they need.

Documents lie in a seeded permutation, so every run of them is a random sample.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import accumulate, pairwise

import numpy as np

from midmix.mixer.plan.pool import Piece
from midmix.mixer.simplex import I64

# A shard below this part of the smaller slice beside it is not cut in two for the sake of exact proportions.
SNAP = 20


def slice_pieces(
    pieces: Sequence[Piece], demands: Sequence[int], lengths_of: Callable[[Piece], I64]
) -> list[list[Piece]]:
    """One list of pieces per demand (in tokens), disjoint, together all of them; tokens in proportion to the demands.

    A piece across the end of a slice is cut between two documents, or goes to one side whole where it is small. With one
    demand that is more than 0 everything goes there.
    """
    wanting = [i for i, demand in enumerate(demands) if demand > 0]
    slices: list[list[Piece]] = [[] for _ in demands]
    if len(wanting) <= 1:
        slices[wanting[0] if wanting else 0].extend(pieces)
        return slices
    total, asked = sum(piece.tokens for piece in pieces), sum(demands)
    ends = [total * reached // asked for reached in accumulate(demands[i] for i in wanting)]
    ends[-1] = total
    sizes = [total * demands[i] // asked for i in wanting]
    small = [min(pair) // SNAP for pair in pairwise(sizes)] + [0]
    slot, position = 0, 0
    for piece in pieces:
        rest: Piece | None = piece
        while rest is not None:
            while slot < len(wanting) - 1 and position >= ends[slot]:
                slot += 1
            taken, rest = _take(rest, ends[slot] - position, small[slot], lengths_of)
            if taken is not None:
                slices[wanting[slot]].append(taken)
                position += taken.tokens
            if rest is not None:  # the slice ends here, as near to its end as documents allow
                slot += 1
    return slices


def _take(piece: Piece, room: int, small: int, lengths_of: Callable[[Piece], I64]) -> tuple[Piece | None, Piece | None]:
    """What of `piece` goes into a slice with `room` tokens left, and what goes into the next."""
    if piece.tokens <= room:
        return piece, None
    if piece.tokens <= small:
        return (piece, None) if 2 * room >= piece.tokens else (None, piece)
    ends = np.cumsum(lengths_of(piece))
    documents = int(np.argmin(np.abs(ends - room))) + 1
    if 2 * room < ends[0]:
        return None, piece
    if documents == piece.documents:
        return piece, None
    tokens = int(ends[documents - 1])
    head = replace(piece, tokens=tokens, documents=documents, whole=False)
    tail = replace(
        piece,
        tokens=piece.tokens - tokens,
        documents=piece.documents - documents,
        first=piece.first + documents,
        whole=False,
    )
    return head, tail
