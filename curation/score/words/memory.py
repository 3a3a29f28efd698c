"""Loads and stores at addresses, for kernels of midmix.jit in which arrays as arguments would cost more than the work.

Addresses and values are int64 (unsigned bytes and words are widened), so that no arithmetic turns into floats. The
caller keeps the arrays alive and never reads or writes beyond them.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

_INT64 = ir.IntType(64)


def _intrinsic(function: Any) -> Any:
    """numba's `intrinsic`, whose type would count the typing context among the arguments of a call."""
    return intrinsic(function)


def _load(bits: int) -> Any:
    @_intrinsic
    def load(typing_context: Any, base: Any, index: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            step = ir.Constant(_INT64, bits // 8)
            address = builder.add(arguments[0], builder.mul(arguments[1], step))
            kind = ir.IntType(bits)
            value = builder.load(builder.inttoptr(address, kind.as_pointer()), typ=kind, align=1)
            return value if bits == 64 else builder.zext(value, _INT64)

        return types.int64(types.int64, types.int64), generate

    return load


def _store(bits: int) -> Any:
    @_intrinsic
    def store(typing_context: Any, base: Any, index: Any, value: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            step = ir.Constant(_INT64, bits // 8)
            address = builder.add(arguments[0], builder.mul(arguments[1], step))
            kind = ir.IntType(bits)
            narrow = arguments[2] if bits == 64 else builder.trunc(arguments[2], kind)
            builder.store(narrow, builder.inttoptr(address, kind.as_pointer()), align=1)
            return context.get_dummy_value()

        return types.void(types.int64, types.int64, types.int64), generate

    return store


# get8(base, i) is element i of the uint8 array at address base; put8(base, i, value) sets it.
get8, get32, get64 = _load(8), _load(32), _load(64)
put8, put16, put32, put64 = _store(8), _store(16), _store(32), _store(64)


@_intrinsic
def trailing_zeros(typing_context: Any, value: Any) -> Any:
    """Zero bits below the lowest set bit of a value that is not 0."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.cttz(arguments[0], ir.Constant(ir.IntType(1), 0))

    return types.int64(types.int64), generate


@_intrinsic
def shift_right(typing_context: Any, value: Any, count: Any) -> Any:
    """Shift right, filling with zeros."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.lshr(arguments[0], arguments[1])

    return types.int64(types.int64, types.int64), generate


@_intrinsic
def prefetch(typing_context: Any, address: Any) -> Any:
    """Ask for the cache line at an address; nothing is read."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        number, pointer = ir.IntType(32), ir.IntType(8).as_pointer()
        kind = ir.FunctionType(ir.VoidType(), [pointer, number, number, number])
        function = builder.module.declare_intrinsic("llvm.prefetch", [pointer], kind)
        place = builder.inttoptr(arguments[0], pointer)
        builder.call(function, [place, number(0), number(3), number(1)])
        return context.get_dummy_value()

    return types.void(types.int64), generate


@_intrinsic
def clear(typing_context: Any, address: Any, num_bytes: Any) -> Any:
    """Set the bytes at an address to 0."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        pointer = ir.IntType(8).as_pointer()
        function = builder.module.declare_intrinsic("llvm.memset", [pointer, _INT64])
        place = builder.inttoptr(arguments[0], pointer)
        builder.call(function, [place, ir.IntType(8)(0), arguments[1], ir.IntType(1)(0)])
        return context.get_dummy_value()

    return types.void(types.int64, types.int64), generate


def _wrapping(operation: str) -> Any:
    @_intrinsic
    def wrap(typing_context: Any, left: Any, right: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            return getattr(builder, operation)(*arguments)

        return types.int64(types.int64, types.int64), generate

    return wrap


# Modulo 2^64. numba's own +, - and * of signed numbers carry LLVM's `nsw`: where they overflow, a result may be
# anything, and was (the sum of two positive numbers was taken for positive, though its highest bit was asked for).
wrapping_add, wrapping_subtract, wrapping_multiply = (_wrapping(name) for name in ("add", "sub", "mul"))
