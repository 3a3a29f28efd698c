"""XXH64 in the lanes of a vector: of eight short runs of bytes at once, and of one text with two seeds.

In a hash alone hardly a step can begin before the one before it has ended. Measured on shingles of five words: 4.9 ns each
with AVX-512 and 11.5 ns with AVX2, where one after the other takes 14 ns.
Source: Yann Collet, xxHash, doc/xxhash_spec.md (algorithm description: XXH64).
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types

from midmix.curation.dedup.vectors import _filled, _intrinsic, _load, _store

PRIME_1, PRIME_2, PRIME_3 = 11400714785074694791, 14029467366897019727, 1609587929392839161
PRIME_4, PRIME_5 = 9650029242287828579, 2870177450012600261
STRIPE = 32  # bytes that go into the four lanes of a hash
EIGHT = 8
# Bytes of the longest run: a stripe and what may follow it.
LONGEST = 2 * STRIPE - 1
_LONG, _INDEX = ir.IntType(64), ir.IntType(32)
_WORDS = ir.VectorType(_LONG, EIGHT)


class _Words:
    """Eight words of 64 bits in code that is being built, with the operators that one word has."""

    def __init__(self, builder: Any, value: Any) -> None:
        self._builder, self.value = builder, value

    def _like(self, other: Any) -> Any:
        return other.value if isinstance(other, _Words) else _filled(_WORDS, other % (1 << 64))

    def __add__(self, other: Any) -> _Words:
        return _Words(self._builder, self._builder.add(self.value, self._like(other)))

    def __sub__(self, other: Any) -> _Words:
        return _Words(self._builder, self._builder.sub(self.value, self._like(other)))

    def __mul__(self, other: Any) -> _Words:
        return _Words(self._builder, self._builder.mul(self.value, self._like(other)))

    def __xor__(self, other: Any) -> _Words:
        return _Words(self._builder, self._builder.xor(self.value, self._like(other)))

    def __and__(self, other: Any) -> _Words:
        return _Words(self._builder, self._builder.and_(self.value, self._like(other)))

    def __rshift__(self, count: int) -> _Words:
        return _Words(self._builder, self._builder.lshr(self.value, self._like(count)))

    def rotated(self, count: int) -> _Words:
        """The same rotated to the left."""
        left = self._builder.shl(self.value, self._like(count))
        return _Words(self._builder, self._builder.or_(left, (self >> 64 - count).value))

    def above(self, limit: int) -> Any:
        """In which lanes the word, below 2^63, is above a limit."""
        return self._builder.icmp_signed(">", self.value, self._like(limit))

    def where(self, chosen: Any, other: Any) -> _Words:
        """These words in the chosen lanes, others elsewhere."""
        return _Words(self._builder, self._builder.select(chosen, self.value, self._like(other)))


def _transposed(builder: Any, rows: list[Any]) -> list[Any]:
    """Column by column what was row by row."""
    for step in (1, 2, 4):
        low = [lane if lane & step == 0 else lane - step + EIGHT for lane in range(EIGHT)]
        high = [lane + step if lane & step == 0 else lane + EIGHT for lane in range(EIGHT)]
        picks = [ir.Constant(ir.VectorType(_INDEX, EIGHT), lanes) for lanes in (low, high)]
        pairs = [(rows[i & ~step], rows[i | step], picks[i & step != 0]) for i in range(EIGHT)]
        rows = [builder.shuffle_vector(*pair) for pair in pairs]
    return rows


def _starts(seed: int) -> tuple[int, int, int, int]:
    """The four lanes of a hash before the first bytes."""
    return seed + PRIME_1 + PRIME_2, seed + PRIME_2, seed, seed - PRIME_1


def _round(lanes: _Words, words: _Words) -> _Words:
    return (lanes + words * PRIME_2).rotated(31) * PRIME_1


def _stripe(words: list[_Words]) -> _Words:
    """What the first stripe makes."""
    none = words[0] & 0
    lanes = [_round(none + start, word) for start, word in zip(_starts(0), words, strict=False)]
    value = none
    for lane, count in zip(lanes, (1, 7, 12, 18), strict=True):
        value += lane.rotated(count)
    for lane in lanes:
        value = (value ^ _round(none, lane)) * PRIME_1 + PRIME_4
    return value


def _finish(value: _Words, words: list[_Words], left: _Words) -> _Words:
    """Add the last bytes, fewer than 32, and mix all."""
    last = words[0]
    for index in range(3):
        some = left.above(8 * index + 7)
        value = ((value ^ _round(value & 0, words[index])).rotated(27) * PRIME_1 + PRIME_4).where(some, value)
        last = words[index + 1].where(some, last)
    four = (left & 4).above(0)
    value = ((value ^ (last & 0xFFFFFFFF) * PRIME_1).rotated(23) * PRIME_2 + PRIME_3).where(four, value)
    last = (last >> 32).where(four, last)
    for index in range(3):
        one = (last >> 8 * index) & 0xFF
        value = ((value ^ one * PRIME_5).rotated(11) * PRIME_1).where((left & 3).above(index), value)
    value = (value ^ value >> 33) * PRIME_2
    value = (value ^ value >> 29) * PRIME_3
    return value ^ value >> 32


@_intrinsic
def put_eight(typing_context: Any, text: Any, starts: Any, ends: Any, out: Any) -> Any:
    """Put XXH64 of eight runs of bytes of a text (uint32 places at two addresses) as uint64 at an address.

    It gives a bit for each run that is longer than LONGEST, whose hash is wrong. LONGEST + 1 bytes are read from each start.
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        text, starts, ends, out = arguments
        places = ir.VectorType(_INDEX, EIGHT)
        begin, end = (builder.zext(_load(builder, address, places), _WORDS) for address in (starts, ends))
        length = _Words(builder, builder.sub(end, begin))
        addresses = [builder.add(text, builder.extract_element(begin, _INDEX(i))) for i in range(EIGHT)]
        rows = [_load(builder, address, _WORDS) for address in addresses]
        words = [_Words(builder, column) for column in _transposed(builder, rows)]
        striped = length.above(STRIPE - 1)
        value = _stripe(words).where(striped, PRIME_5) + length
        rest = [words[4 + i].where(striped, words[i]) for i in range(4)]
        _store(builder, out, _finish(value, rest, length & STRIPE - 1).value)
        return builder.zext(builder.bitcast(length.above(LONGEST), ir.IntType(EIGHT)), _LONG)

    return types.int64(types.int64, types.int64, types.int64, types.int64), generate


def stripes(first_seed: int, second_seed: int) -> Any:
    """An intrinsic (address, stripes > 0): the lanes of XXH64 with either seed after so many stripes, eight uint64."""
    pairs = ir.Constant(ir.VectorType(_INDEX, EIGHT), [0, 1, 2, 3] * 2)
    first_lanes = [lane % (1 << 64) for seed in (first_seed, second_seed) for lane in _starts(seed)]

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        address, count = arguments
        entry, loop, done = builder.block, builder.append_basic_block("loop"), builder.append_basic_block("done")
        builder.branch(loop)
        builder.position_at_end(loop)
        at, lanes = builder.phi(_LONG), builder.phi(_WORDS)
        four = _load(builder, builder.add(address, builder.mul(at, _LONG(STRIPE))), ir.VectorType(_LONG, 4))
        both = _Words(builder, builder.shuffle_vector(four, four, pairs))
        after = _round(_Words(builder, lanes), both).value
        following = builder.add(at, _LONG(1))
        for phi, first, then in ((at, _LONG(0), following), (lanes, ir.Constant(_WORDS, first_lanes), after)):
            phi.add_incoming(first, entry)
            phi.add_incoming(then, loop)
        builder.cbranch(builder.icmp_signed("<", following, count), loop, done)
        builder.position_at_end(done)
        words = [builder.extract_element(after, _INDEX(i)) for i in range(EIGHT)]
        return context.make_tuple(builder, signature.return_type, words)

    @_intrinsic
    def lanes_after(typing_context: Any, address: Any, count: Any) -> Any:
        return types.UniTuple(types.uint64, EIGHT)(types.int64, types.int64), generate  # type: ignore[no-untyped-call]

    return lanes_after
