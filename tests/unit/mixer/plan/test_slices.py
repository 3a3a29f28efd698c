"""Slices of shards: proportions, cuts between documents, and no cut for the sake of a fraction."""

from __future__ import annotations

import numpy as np

from midmix.mixer.plan.pool import Piece
from midmix.mixer.plan.slices import slice_pieces
from midmix.mixer.simplex import I64


def tens(piece: Piece) -> I64:
    return np.full(piece.documents, 10)


def pieces(*documents: int) -> list[Piece]:
    return [Piece(i, 10 * n, n) for i, n in enumerate(documents)]


def no_lengths(piece: Piece) -> I64:
    raise AssertionError("nothing needs to be cut")


def test_one_stage_gets_everything_as_it_is() -> None:
    given = pieces(3, 4)
    assert slice_pieces(given, [0, 5, 0], no_lengths) == [[], given, []]
    assert slice_pieces(given, [0, 0], no_lengths) == [given, []]


def test_whole_shards_go_where_they_fit() -> None:
    given = pieces(5, 5, 10)
    assert slice_pieces(given, [100, 100], no_lengths) == [given[:2], given[2:]]


def test_a_shard_is_cut_at_the_document_that_is_nearest() -> None:
    (first,), (second,) = slice_pieces(pieces(10), [34, 66], tens)
    assert (first.tokens, first.documents, first.first, first.whole) == (30, 3, 0, False)
    assert (second.tokens, second.documents, second.first, second.whole) == (70, 7, 3, False)


def test_a_shard_may_be_cut_more_than_once() -> None:
    slices = slice_pieces(pieces(10), [20, 50, 30], tens)
    assert [[(p.first, p.documents) for p in part] for part in slices] == [[(0, 2)], [(2, 5)], [(7, 3)]]


def test_small_shards_are_not_cut() -> None:
    given = pieces(*[1] * 500)
    slices = slice_pieces(given, [1003, 1997], no_lengths)
    assert [sum(p.tokens for p in part) for part in slices] == [1670, 3330]


def test_a_small_shard_at_its_half_goes_to_the_earlier_slice() -> None:
    slices = slice_pieces(pieces(*[1] * 100), [505, 495], no_lengths)
    assert [sum(p.tokens for p in part) for part in slices] == [510, 490]


def test_what_is_small_for_the_larger_slice_alone_is_cut() -> None:
    slices = slice_pieces(pieces(*[10] * 100), [250, 9_750], tens)
    assert [sum(p.tokens for p in part) for part in slices] == [250, 9_750]


def test_a_stage_that_needs_half_a_document_or_more_gets_it() -> None:
    slices = slice_pieces(pieces(10), [6, 94], tens)
    assert [[(p.first, p.documents) for p in part] for part in slices] == [[(0, 1)], [(1, 9)]]


def test_a_stage_that_needs_less_than_half_a_document_may_get_none() -> None:
    slices = slice_pieces(pieces(1), [1, 99], tens)
    assert slices == [[], pieces(1)]
