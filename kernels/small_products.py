"""Products of small matrices in fp32 for numba, in the forms that a BLAS is fastest at.

OpenBLAS multiplies up to a million multiplications without packing, at 115 GFLOP/s on one core of a Zen 4; above that it
packs (80 to 90), and with its second matrix transposed it is at 66 to 70. Letters: N tokens, K and M widths.
"""

from __future__ import annotations

import numpy as np

from midmix.jit import njit
from midmix.kernels.vector import transposed, turn

UNPACKED = 1_000_000


@njit(error_model="numpy")
def unpacked_rows(rows, width, depth):  # type: ignore[no-untyped-def]
    """Rows of a product [rows, depth] x [depth, width] to make at a time: all of them where the matrices are large."""
    most = UNPACKED // (width * depth)
    return rows if most < 32 else min(rows, most // 16 * 16)


@njit(error_model="numpy")
def product(x_NK, w_KM, y_NM):  # type: ignore[no-untyped-def]
    """y = x w."""
    rows = unpacked_rows(len(x_NK), w_KM.shape[1], len(w_KM))
    for n in range(0, len(x_NK), rows):
        np.dot(x_NK[n : n + rows], w_KM, y_NM[n : n + rows])


@njit(error_model="numpy")
def product_back(d_y_NM, w_KM, d_x_NK, scratch):  # type: ignore[no-untyped-def]
    """d_x = d_y w transposed; `scratch` holds N x (K + M) values, or 2 x UNPACKED."""
    tokens, (depth, width) = len(d_y_NM), w_KM.shape
    if tokens * depth * width > UNPACKED:
        np.dot(d_y_NM, w_KM.T, d_x_NK)
        return
    # to turn what has few rows costs less than the transposed form
    d_x_KN = scratch[: depth * tokens].reshape(depth, tokens)
    np.dot(w_KM, transposed(d_y_NM, scratch[depth * tokens :]), d_x_KN)
    turn(d_x_KN, d_x_NK)
