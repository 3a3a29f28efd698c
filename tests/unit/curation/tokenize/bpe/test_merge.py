"""BPE of single chunks: ranks decide, then places; ids and both routes against a plain loop."""

from __future__ import annotations

import random
from itertools import count, pairwise

import pytest

from midmix.curation.tokenize.bpe import merge
from midmix.curation.tokenize.bpe.merges import Merges, byte_characters
from midmix.curation.tokenize.bpe.pattern import NotCovered


def made(*pairs: tuple[str, str]) -> tuple[Merges, dict[str, int]]:
    """Merges of these pairs, in their order, and the vocabulary: bytes first."""
    numbers = count()
    names = dict.fromkeys([*byte_characters(), *(left + right for left, right in pairs)])
    vocabulary = {name: next(numbers) for name in names}
    return Merges(vocabulary, pairs), vocabulary


def tokens(pairs: list[tuple[str, str]], chunk: str) -> list[str]:
    """The tokens of an ASCII chunk."""
    merges, vocabulary = made(*pairs)
    names = {number: name for name, number in vocabulary.items()}
    return [names[number] for number in merges.chunk_ids(chunk.encode())]


def slow_tokens(pairs: list[tuple[str, str]], chunk: str) -> list[str]:
    """The same by definition: the lowest rank, the leftmost of it, until none is left."""
    ranks = {pair: rank for rank, pair in enumerate(pairs)}
    parts = list(chunk)
    while True:
        places = [(ranks[pair], at) for at, pair in enumerate(pairwise(parts)) if pair in ranks]
        if not places:
            return parts
        _, at = min(places)
        parts[at : at + 2] = [parts[at] + parts[at + 1]]


def test_the_lowest_rank_merges_first_and_the_leftmost_of_it() -> None:
    assert tokens([("b", "c"), ("a", "b"), ("a", "bc")], "abcab") == ["abc", "ab"]
    assert tokens([("a", "a")], "aaaaa") == ["aa", "aa", "a"]
    assert tokens([("a", "a"), ("aa", "a")], "aaa") == ["aaa"]
    assert tokens([], "xyz") == ["x", "y", "z"]


def test_of_equal_pairs_the_last_rank_counts() -> None:
    # As in the library, where later entries of the map replace earlier ones.
    pairs = [("a", "b"), ("b", "c"), ("a", "b")]
    assert tokens(pairs, "abc") == slow_tokens(pairs, "abc") == ["a", "bc"]


def test_any_merges_on_any_length() -> None:
    choose = random.Random(3)
    for _ in range(30):
        pairs: list[tuple[str, str]] = []
        parts = list("abc")
        for _ in range(25):
            pair = choose.choice(parts), choose.choice(parts)
            pairs.append(pair)
            parts.append("".join(pair))
        merges, vocabulary = made(*pairs)
        names = {number: name for name, number in vocabulary.items()}
        for length in (1, 2, 5, merge.FEW - 1, merge.FEW, merge.FEW + 1, 200):
            chunk = "".join(choose.choices("abc", k=length))
            assert [names[n] for n in merges.chunk_ids(chunk.encode())] == slow_tokens(pairs, chunk)


def test_scratch_space_grows_with_the_chunk() -> None:
    merges, vocabulary = made(("a", "a"))
    assert merges.chunk_ids(b"a" * 10_001) == [vocabulary["aa"]] * 5000 + [vocabulary["a"]]


def test_bytes_stand_for_the_characters_of_byte_level() -> None:
    characters = byte_characters()
    assert (characters[0x20], characters[0x0A], characters[0x41], characters[0xAD]) == ("Ġ", "Ċ", "A", "Ń")
    assert len(set(characters)) == 256


def test_ids_beyond_the_table_are_refused() -> None:
    vocabulary = {char: number for number, char in enumerate(byte_characters())}
    with pytest.raises(NotCovered, match="ids or merges beyond 2,097,152"):
        Merges({**vocabulary, "ab": 1 << merge.ID_BITS}, [("a", "b")])
