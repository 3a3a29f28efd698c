"""Vector instructions for kernels of midmix.jit: classes of bytes as bit masks, mapped blocks, minima of permutations.

LLVM cuts the vectors to what the CPU has; results are the same on all. Addresses are int64, and whoever passes one keeps
the array alive and has a whole block of bytes behind it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from midmix.jit import njit

BLOCK = 64  # bytes that a mask tells of
MAPPED = 32  # bytes that are mapped at once
LANES_32, LANES_61 = 16, 8  # permutations that stand in one vector
MERSENNE = (1 << 61) - 1
RAISED = 8  # one more than the folded top three bits of a product can be

_BIT, _BYTE, _INDEX, _LONG = ir.IntType(1), ir.IntType(8), ir.IntType(32), ir.IntType(64)


def _intrinsic(function: Any) -> Any:
    """numba's `intrinsic`, whose type would count the typing context among the arguments of a call."""
    return intrinsic(function)


def _filled(kind: Any, value: int) -> Any:
    return ir.Constant(kind, [value] * kind.count)


def _load(builder: Any, address: Any, kind: Any) -> Any:
    return builder.load(builder.inttoptr(address, kind.as_pointer()), typ=kind, align=1)


def _store(builder: Any, address: Any, value: Any) -> None:
    builder.store(value, builder.inttoptr(address, value.type.as_pointer()), align=1)


def _within(builder: Any, data: Any, first: int, last: int) -> Any:
    """Which bytes are `first` to `last`."""
    moved = builder.sub(data, _filled(data.type, first))
    return builder.icmp_unsigned("<=", moved, _filled(data.type, last - first))


def _high(builder: Any, data: Any) -> Any:
    return builder.icmp_signed("<", data, _filled(data.type, 0))


def _letter(builder: Any, data: Any) -> Any:
    return _within(builder, builder.or_(data, _filled(data.type, 0x20)), ord("a"), ord("z"))


def _digit(builder: Any, data: Any) -> Any:
    return _within(builder, data, ord("0"), ord("9"))


def _mask(test: Callable[[Any, Any], Any]) -> Any:
    kind = ir.VectorType(_BYTE, BLOCK)

    @_intrinsic
    def mask(typing_context: Any, address: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            return builder.bitcast(test(builder, _load(builder, arguments[0], kind)), _LONG)

        return types.int64(types.int64), generate

    return mask


# Masks of the BLOCK bytes at an address, the first byte lowest.
spaces = _mask(lambda builder, data: _within(builder, data, 0x20, 0x20))
digits = _mask(_digit)
dots = _mask(lambda builder, data: _within(builder, data, ord("."), ord(".")))
commas = _mask(lambda builder, data: _within(builder, data, ord(","), ord(",")))
backslashes = _mask(lambda builder, data: _within(builder, data, ord("\\"), ord("\\")))
high_bytes = _mask(_high)
letters = _mask(lambda builder, data: builder.or_(_letter(builder, data), _high(builder, data)))
low_lines = _mask(lambda builder, data: _within(builder, data, ord("_"), ord("_")))
small_letters = _mask(lambda builder, data: _within(builder, data, ord("a"), ord("z")))
capitals = _mask(lambda builder, data: _within(builder, data, ord("A"), ord("Z")))


@njit(inline="always")
def beyond(count):  # type: ignore[no-untyped-def]
    """The bits of a mask from `count` on."""
    return 0 if count >= 64 else -1 << count


def _map(change: Callable[[Any, Any], Any]) -> Any:
    kind = ir.VectorType(_BYTE, MAPPED)

    @_intrinsic
    def mapped(typing_context: Any, source: Any, target: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            data = _load(builder, arguments[0], kind)
            _store(builder, arguments[1], change(builder, data))
            return builder.zext(builder.bitcast(_high(builder, data), _INDEX), _LONG)

        return types.int64(types.int64, types.int64), generate

    return mapped


def _with_plain_space(builder: Any, data: Any) -> Any:
    space = builder.or_(_within(builder, data, 0x09, 0x0D), _within(builder, data, 0x1C, 0x1F))
    return builder.select(space, _filled(data.type, 0x20), data)


def _lower(builder: Any, data: Any) -> Any:
    capital = _within(builder, data, ord("A"), ord("Z"))
    return builder.select(capital, builder.or_(data, _filled(data.type, 0x20)), data)


def _simple(builder: Any, data: Any) -> Any:
    letter = builder.select(
        _letter(builder, data), builder.or_(data, _filled(data.type, 0x20)), _filled(data.type, 0x20)
    )
    return builder.select(_digit(builder, data), _filled(data.type, ord("0")), letter)


# Map the ASCII among the MAPPED bytes at an address to another; the mask of those that are not ASCII.
# kept: white space becomes U+0020; lowered: capitals small besides; simplified: small letters, 0 for digits, else U+0020.
kept = _map(_with_plain_space)
lowered = _map(lambda builder, data: _lower(builder, _with_plain_space(builder, data)))
simplified = _map(_simple)


@_intrinsic
def copy_block(typing_context: Any, source: Any, target: Any) -> Any:
    """Copy BLOCK bytes."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        _store(builder, arguments[1], _load(builder, arguments[0], ir.VectorType(_BYTE, BLOCK)))
        return context.get_dummy_value()

    return types.void(types.int64, types.int64), generate


def _replace(change: Callable[[Any, Any], Any]) -> Any:
    kind = ir.VectorType(_BYTE, BLOCK)

    @_intrinsic
    def replace(typing_context: Any, address: Any, where: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            data = _load(builder, arguments[0], kind)
            chosen = builder.bitcast(arguments[1], ir.VectorType(_BIT, BLOCK))
            _store(builder, arguments[0], builder.select(chosen, change(builder, data), data))
            return context.get_dummy_value()

        return types.void(types.int64, types.int64), generate

    return replace


# Change the bytes of a block of which the mask has a bit: ASCII letters to small ones, any to 0, any to N.
lower_where = _replace(_lower)
zero_where = _replace(lambda builder, data: _filled(data.type, ord("0")))
name_where = _replace(lambda builder, data: _filled(data.type, ord("N")))


@_intrinsic
def leading_zeros(typing_context: Any, value: Any) -> Any:
    """Zero bits above the highest set bit of a value that is not 0."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.ctlz(arguments[0], ir.Constant(_BIT, 0))

    return types.int64(types.int64), generate


def _times(builder: Any, kind: Any, lane: Any) -> Any:
    """A vector with one value in every lane."""
    none = ir.Constant(kind, ir.Undefined)
    one = builder.insert_element(none, lane, _INDEX(0))
    return builder.shuffle_vector(one, none, _filled(ir.VectorType(_INDEX, kind.count), 0))


def _affine(builder: Any, value: Any, multiplier: Any, addend: Any) -> Any:
    return builder.add(builder.mul(value, multiplier), addend)


def _folded(builder: Any, value: Any, multiplier: Any, addend: Any) -> Any:
    """`_affine` modulo 2^61 - 1, but for values that a last subtraction would make 0 to 7."""
    product = _affine(builder, value, multiplier, addend)
    top = builder.lshr(product, _filled(product.type, 61))
    return builder.add(builder.and_(product, _filled(product.type, MERSENNE)), top)


def _raised(builder: Any, value: Any, multiplier: Any, addend: Any) -> Any:
    """`_folded` plus RAISED where that is right; where it is not, which is next to never, something below 2 * RAISED."""
    return _folded(builder, value, multiplier, builder.add(addend, _filled(addend.type, RAISED)))


def _reduced(builder: Any, value: Any, multiplier: Any, addend: Any) -> Any:
    folded = _folded(builder, value, multiplier, addend)
    less = builder.sub(folded, _filled(folded.type, MERSENNE))
    return builder.select(builder.icmp_unsigned("<", less, folded), less, folded)


def _minima(lanes: int, bits: int, permute: Callable[..., Any], raised: int = 0) -> Any:
    """An intrinsic over `lanes` permutations: (values, how many > 0, multipliers, addends, where the minima go).

    Minima of what is `raised` are lowered again. It gives a bit for each lane whose raised minimum is below twice that.
    """
    number = ir.IntType(bits)
    kind = ir.VectorType(number, lanes)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        values, count, multipliers, addends, out = arguments
        multiplier, addend = _load(builder, multipliers, kind), _load(builder, addends, kind)
        entry, loop = builder.block, builder.append_basic_block("loop")
        done = builder.append_basic_block("done")
        builder.branch(loop)
        builder.position_at_end(loop)
        at, least = builder.phi(_LONG), builder.phi(kind)
        place = builder.add(values, builder.mul(at, _LONG(bits // 8)))
        moved = permute(builder, _times(builder, kind, _load(builder, place, number)), multiplier, addend)
        lesser = builder.select(builder.icmp_unsigned("<", least, moved), least, moved)
        following = builder.add(at, _LONG(1))
        for phi, first, then in ((at, _LONG(0), following), (least, _filled(kind, (1 << bits) - 1), lesser)):
            phi.add_incoming(first, entry)
            phi.add_incoming(then, loop)
        builder.cbranch(builder.icmp_signed("<", following, count), loop, done)
        builder.position_at_end(done)
        _store(builder, out, builder.sub(lesser, _filled(kind, raised)))
        low = builder.icmp_unsigned("<", lesser, _filled(kind, 2 * raised))
        return builder.zext(builder.bitcast(low, ir.IntType(lanes)), _LONG)

    @_intrinsic
    def minima(typing_context: Any, values: Any, count: Any, multipliers: Any, addends: Any, out: Any) -> Any:
        return types.int64(types.int64, types.int64, types.int64, types.int64, types.int64), generate

    return minima


# LANES_32 permutations a * x + b modulo 2^32, uint32; LANES_61 of ((a * x + b) modulo 2^64) modulo 2^61 - 1, uint64.
# The quick form is right where it gives 0.
minima_32 = _minima(LANES_32, 32, _affine)
quick_minima_61 = _minima(LANES_61, 64, _raised, RAISED)
minima_61 = _minima(LANES_61, 64, _reduced)
