"""Pieces of fp32 kernels on a CPU, for numba: exp as plain arithmetic, so that a loop over it becomes vector code without a
library, and reductions in strands, which a processor adds at once and which no compiler may make for us.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core.errors import TypingError
from numba.extending import intrinsic
from numba.np.arrayobj import make_array

from midmix.jit import njit

# Cephes' expf: exp(x) = 2^n exp(r) with r in +-ln(2)/2. Ends at which 2^n stays a normal number.
_LOWEST, _HIGHEST = np.float32(-87.0), np.float32(88.0)
_LOG2_E = np.float32(1.44269504088896341)
_LN2_HIGH, _LN2_LOW = np.float32(0.693359375), np.float32(-2.12194440e-4)
_P5, _P4, _P3 = np.float32(1.9875691500e-4), np.float32(1.3981999507e-3), np.float32(8.3334519073e-3)
_P2, _P1, _P0 = np.float32(4.1665795894e-2), np.float32(1.6666665459e-1), np.float32(5.0000001201e-1)
_ONE = np.float32(1.0)
# Adding 1.5 x 2^23 leaves the nearest integer in the low bits of the sum.
_SHIFT = np.float32(12582912.0)
_ONE_BITS = np.int32(0x3F800000)
# Rows and columns that are transposed at once.
_SIDE = 8
# Strands of a long sum, and how many values go into them before they are added up in float64.
_STRANDS, _BLOCK = 256, 16384


def _intrinsic(function: Any) -> Any:
    """numba's `intrinsic`, whose type would count the typing context among the arguments of a call."""
    return intrinsic(function)


# numba's view of an array in memory, by the array's type
_array_of: Any = make_array


@_intrinsic
def fma(_context: Any, _a: Any, _b: Any, _c: Any) -> tuple[Any, Any]:
    """a x b + c of float32 with one rounding, on every machine the same; numba alone never joins the two."""

    def generate(_context: Any, builder: Any, _signature: Any, values: Any) -> Any:
        return builder.fma(*values)

    return types.float32(types.float32, types.float32, types.float32), generate


@njit(error_model="numpy")
def exp32(x):  # type: ignore[no-untyped-def]
    """exp of a float32 within 1e-7 of its value, for -87 to 88 and clamped beyond; NaN stays NaN."""
    if x > _HIGHEST:
        x = _HIGHEST
    if x < _LOWEST:
        x = _LOWEST
    shifted = fma(x, _LOG2_E, _SHIFT)
    n = shifted - _SHIFT
    r = fma(n, -_LN2_LOW, fma(n, -_LN2_HIGH, x))
    p = fma(fma(fma(fma(fma(_P5, r, _P4), r, _P3), r, _P2), r, _P1), r, _P0)
    # what lies above the integer in `shifted` leaves with the shift
    bits = np.int32((np.int32(np.float32(shifted).view(np.int32)) << np.int32(23)) + _ONE_BITS)
    return (fma(p, r * r, r) + _ONE) * np.int32(bits).view(np.float32)


@njit(error_model="numpy")
def highest(x_V):  # type: ignore[no-untyped-def]
    """The largest value, in four strands; anything where there is a NaN, which the sum of exponentials then shows."""
    t0 = t1 = t2 = t3 = x_V[0]
    whole = len(x_V) // 4 * 4
    for v in range(0, whole, 4):
        t0 = x_V[v] if x_V[v] > t0 else t0
        t1 = x_V[v + 1] if x_V[v + 1] > t1 else t1
        t2 = x_V[v + 2] if x_V[v + 2] > t2 else t2
        t3 = x_V[v + 3] if x_V[v + 3] > t3 else t3
    for v in range(whole, len(x_V)):
        t0 = x_V[v] if x_V[v] > t0 else t0
    return max(t0, t1, t2, t3)


@njit(error_model="numpy")
def total(x_V):  # type: ignore[no-untyped-def]
    """The sum, in four strands, which the processor adds at once."""
    s0 = s1 = s2 = s3 = np.float32(0.0)
    whole = len(x_V) // 4 * 4
    for v in range(0, whole, 4):
        s0 += x_V[v]
        s1 += x_V[v + 1]
        s2 += x_V[v + 2]
        s3 += x_V[v + 3]
    for v in range(whole, len(x_V)):
        s0 += x_V[v]
    return (s0 + s1) + (s2 + s3)


@njit(error_model="numpy")
def dot(a_D, b_D):  # type: ignore[no-untyped-def]
    """Sum of products, in four strands."""
    s0 = s1 = s2 = s3 = np.float32(0.0)
    whole = len(a_D) // 4 * 4
    for d in range(0, whole, 4):
        s0 = fma(a_D[d], b_D[d], s0)
        s1 = fma(a_D[d + 1], b_D[d + 1], s1)
        s2 = fma(a_D[d + 2], b_D[d + 2], s2)
        s3 = fma(a_D[d + 3], b_D[d + 3], s3)
    for d in range(whole, len(a_D)):
        s0 = fma(a_D[d], b_D[d], s0)
    return (s0 + s1) + (s2 + s3)


@njit(error_model="numpy")
def sum_of_squares(x_P):  # type: ignore[no-untyped-def]
    """In float64, of sums of blocks in fp32: a square beyond fp32 makes it infinite."""
    sums = np.empty(_STRANDS, np.float32)
    found = 0.0
    for start in range(0, len(x_P), _BLOCK):
        block = x_P[start : start + _BLOCK]
        whole = len(block) // _STRANDS * _STRANDS
        rows = block[:whole].reshape(-1, _STRANDS)
        sums[:] = 0
        for r in range(len(rows)):
            row = rows[r]
            for i in range(_STRANDS):
                sums[i] = fma(row[i], row[i], sums[i])
        found += dot(block[whole:], block[whole:])
        for i in range(_STRANDS):
            found += sums[i]
    return found


@njit(error_model="numpy")
def transposed(x_NK, scratch):  # type: ignore[no-untyped-def]
    """The same matrix [K, N] with its rows side by side, at the beginning of `scratch`."""
    rows, width = x_NK.shape
    out_KN = scratch[: rows * width].reshape(width, rows)
    turn(x_NK, out_KN)
    return out_KN


@_intrinsic
def _turn_block(_context: Any, _x: Any, _out: Any, _n: Any, _k: Any) -> tuple[Any, Any]:
    """out[k : k + 8, n : n + 8] = x[n : n + 8, k : k + 8] transposed, both contiguous by rows."""
    if (_x.layout, _out.layout) != ("C", "C"):
        raise TypingError(f"got matrices of layouts {_x.layout} and {_out.layout}, expected C and C")

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        row = ir.VectorType(ir.FloatType(), _SIDE)
        x, out = (_array_of(t)(context, builder, v) for t, v in zip(signature.args[:2], values[:2], strict=True))

        def places(matrix: Any, first: Any, column: Any) -> list[Any]:
            width = builder.extract_value(matrix.shape, 1)
            start = builder.add(builder.mul(first, width), column)
            offsets = (builder.add(start, builder.mul(ir.Constant(width.type, i), width)) for i in range(_SIDE))
            return [builder.bitcast(builder.gep(matrix.data, [at]), row.as_pointer()) for at in offsets]

        def interleaved(a: Any, b: Any) -> list[Any]:
            order = [i for pair in zip(range(_SIDE), range(_SIDE, 2 * _SIDE), strict=True) for i in pair]
            masks = (ir.Constant(ir.VectorType(ir.IntType(32), _SIDE), half) for half in (order[:_SIDE], order[_SIDE:]))
            return [builder.shuffle_vector(a, b, mask) for mask in masks]

        n, k = values[2:]
        rows = [builder.load(place, align=4) for place in places(x, n, k)]
        # row i goes between row i and row i + 4, three times over: bits of the row's number become those of the column's
        for _ in range(3):
            rows = [half for i in range(_SIDE // 2) for half in interleaved(rows[i], rows[i + _SIDE // 2])]
        for place, turned in zip(places(out, k, n), rows, strict=True):
            builder.store(turned, place, align=4)
        return context.get_dummy_value()

    return types.void(_x, _out, types.int64, types.int64), generate


@njit(error_model="numpy")
def turn(x_NK, out_KN):  # type: ignore[no-untyped-def]
    """Fill `out_KN` with `x_NK` transposed; both contiguous."""
    rows, width = x_NK.shape
    whole = width // _SIDE * _SIDE
    for n in range(0, rows // _SIDE * _SIDE, _SIDE):
        for k in range(0, whole, _SIDE):
            _turn_block(x_NK, out_KN, n, k)
        for k in range(whole, width):
            for i in range(n, n + _SIDE):
                out_KN[k, i] = x_NK[i, k]
    for n in range(rows // _SIDE * _SIDE, rows):
        for k in range(width):
            out_KN[k, n] = x_NK[n, k]
