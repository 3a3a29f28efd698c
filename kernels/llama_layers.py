"""Pieces of a Llama-style layer and their gradients in fp32 for one model on a CPU, for numba: norm, SwiGLU, attention.

Sources: RMSNorm arXiv 1910.07467, SwiGLU 2002.05202, rotary positions 2104.09864 in Llama's form (value i of a head
turns with value i + K/2), attention in blocks of queries 2205.14135. Products are BLAS's, by `np.dot`.
Letters: N tokens, D width, F feed-forward, S sequences, T tokens of a sequence, H heads, G key-value heads, K width of
a head, E = (H + 2 x G) x K, A = H x K, C keys that a block of queries sees, Q queries of a block.
"""

from __future__ import annotations

import numpy as np

from midmix.jit import njit
from midmix.kernels.vector import dot, exp32, fma, transposed

_ONE, _ZERO = np.float32(1.0), np.float32(0.0)
# Queries that attend at once: their scores stay in cache, and half of a block at the diagonal is wasted.
BLOCK_Q = 64


@njit(error_model="numpy")
def norm(x_ND, gain_D, eps, scale_N, y_ND):  # type: ignore[no-untyped-def]
    """y = x / root(mean of x^2 + eps) x gain; the factor of each token is kept in `scale_N`."""
    tokens, width = x_ND.shape
    for n in range(tokens):
        x_D, y_D = x_ND[n], y_ND[n]
        scale = _ONE / np.sqrt(dot(x_D, x_D) / np.float32(width) + eps)
        scale_N[n] = scale
        for d in range(width):
            y_D[d] = x_D[d] * scale * gain_D[d]


@njit(error_model="numpy")
def norm_gradient(d_y_ND, x_ND, gain_D, scale_N, d_x_ND, d_gain_D):  # type: ignore[no-untyped-def]
    """Adds to `d_x_ND`, fills `d_gain_D`, uses `d_y_ND` up."""
    tokens, width = x_ND.shape
    d_gain_D[:] = 0
    for n in range(tokens):
        x_D, d_y_D, d_x_D = x_ND[n], d_y_ND[n], d_x_ND[n]
        scale = scale_N[n]
        for d in range(width):
            d_gain_D[d] += d_y_D[d] * (x_D[d] * scale)
            d_y_D[d] *= gain_D[d]
        along = dot(d_y_D, x_D) * scale * scale / np.float32(width)
        for d in range(width):
            d_x_D[d] += scale * (d_y_D[d] - along * x_D[d])


@njit(error_model="numpy")
def swiglu(both_N2F, out_NF):  # type: ignore[no-untyped-def]
    """silu of the first half times the second half."""
    tokens, width = out_NF.shape
    for n in range(tokens):
        gate_F, value_F, out_F = both_N2F[n, :width], both_N2F[n, width:], out_NF[n]
        for f in range(width):
            out_F[f] = gate_F[f] / (_ONE + exp32(-gate_F[f])) * value_F[f]


@njit(error_model="numpy")
def swiglu_gradient(d_out_NF, both_N2F):  # type: ignore[no-untyped-def]
    """Leaves the gradient of `both_N2F` in its place."""
    tokens, width = d_out_NF.shape
    for n in range(tokens):
        gate_F, value_F, d_out_F = both_N2F[n, :width], both_N2F[n, width:], d_out_NF[n]
        for f in range(width):
            share = _ONE / (_ONE + exp32(-gate_F[f]))
            silu = gate_F[f] * share
            gate_F[f] = d_out_F[f] * value_F[f] * (share + silu * (_ONE - share))
            value_F[f] = d_out_F[f] * silu


@njit(error_model="numpy")
def _turn(x_T2L, rotation, sign, out_T2L):  # type: ignore[no-untyped-def]
    cosine_TL, sine_TL = rotation
    length, half = cosine_TL.shape
    for t in range(length):
        for i in range(half):
            low, high, cosine, sine = x_T2L[t, 0, i], x_T2L[t, 1, i], cosine_TL[t, i], sine_TL[t, i] * sign
            out_T2L[t, 0, i] = low * cosine - high * sine
            out_T2L[t, 1, i] = low * sine + high * cosine


@njit(error_model="numpy")
def _copy(x_T2L, out_T2L):  # type: ignore[no-untyped-def]
    length, _, half = x_T2L.shape
    for t in range(length):
        for side in range(2):
            for i in range(half):
                out_T2L[t, side, i] = x_T2L[t, side, i]


@njit(error_model="numpy")
def _in_halves(x_SHTK):  # type: ignore[no-untyped-def]
    sequences, heads, length, size = x_SHTK.shape
    return x_SHTK.reshape(sequences, heads, length, 2, size // 2)


@njit(error_model="numpy")
def split(parts_NE, rotation, q_SHTK, k_SGTK, v_SGTK):  # type: ignore[no-untyped-def]
    """Turned queries and keys, and values, from the product that holds them side by side."""
    sequences, heads, length, size = q_SHTK.shape
    shared = k_SGTK.shape[1]
    parts = parts_NE.reshape(sequences, length, heads + 2 * shared, 2, size // 2)
    q, k, v = _in_halves(q_SHTK), _in_halves(k_SGTK), _in_halves(v_SGTK)
    for s in range(sequences):
        for h in range(heads):
            _turn(parts[s, :, h], rotation, _ONE, q[s, h])
        for g in range(shared):
            _turn(parts[s, :, heads + g], rotation, _ONE, k[s, g])
            _copy(parts[s, :, heads + shared + g], v[s, g])


@njit(error_model="numpy")
def join(q_SHTK, k_SGTK, v_SGTK, rotation, parts_NE):  # type: ignore[no-untyped-def]
    """The way back of `split`, for gradients: turned the other way and put side by side."""
    sequences, heads, length, size = q_SHTK.shape
    shared = k_SGTK.shape[1]
    parts = parts_NE.reshape(sequences, length, heads + 2 * shared, 2, size // 2)
    q, k, v = _in_halves(q_SHTK), _in_halves(k_SGTK), _in_halves(v_SGTK)
    for s in range(sequences):
        for h in range(heads):
            _turn(q[s, h], rotation, -_ONE, parts[s, :, h])
        for g in range(shared):
            _turn(k[s, g], rotation, -_ONE, parts[s, :, heads + g])
            _copy(v[s, g], parts[s, :, heads + shared + g])


@njit(error_model="numpy")
def _shares(q_QK, k_CK, turned, sum_Q, top_Q, shares_CQ):  # type: ignore[no-untyped-def]
    """Softmax over the keys up to each query's own; the last key is the last query's own.

    Queries stand side by side: sums and maxima are then of whole vectors, and the products are of the forms that a
    BLAS is fastest at.
    """
    np.dot(k_CK, transposed(q_QK, turned), shares_CQ)
    keys, queries = shares_CQ.shape
    own, scale = keys - queries, _ONE / np.sqrt(np.float32(q_QK.shape[1]))
    for i in range(queries):
        top_Q[i], sum_Q[i] = shares_CQ[0, i], 0
    for c in range(1, keys):
        for i in range(queries):
            x = shares_CQ[c, i]
            top_Q[i] = x if i >= c - own and x > top_Q[i] else top_Q[i]
    for c in range(keys):
        for i in range(queries):
            share = exp32((shares_CQ[c, i] - top_Q[i]) * scale)
            share = share if i >= c - own else _ZERO
            shares_CQ[c, i] = share
            sum_Q[i] += share
    for i in range(queries):
        sum_Q[i] = _ONE / sum_Q[i]
    for c in range(keys):
        for i in range(queries):
            shares_CQ[c, i] *= sum_Q[i]


@njit(error_model="numpy")
def _attend(q_TK, k_TK, v_TK, shares, mixed_TK, block_QK, turned, sums):  # type: ignore[no-untyped-def]
    length = len(q_TK)
    for first in range(0, length, BLOCK_Q):
        last = min(first + BLOCK_Q, length)
        count = last - first
        shares_CQ = shares[: count * last].reshape(last, count)
        _shares(q_TK[first:last], k_TK[:last], turned, sums[0, :count], sums[1, :count], shares_CQ)
        np.dot(shares_CQ.T, v_TK[:last], block_QK[:count])
        for i in range(count):
            for k in range(block_QK.shape[1]):
                mixed_TK[first + i, k] = block_QK[i, k]


@njit(error_model="numpy")
def attention(  # type: ignore[no-untyped-def]
    q_SHTK, k_SGTK, v_SGTK, kept, scores, block_QK, turned, sums,
    mixed_NA,
):  # fmt: skip
    """Causal attention of all sequences and heads. `scores`, `block_QK`, `turned` and `sums` are scratch.

    Sequences of one block of queries leave their shares in `kept` [S, H, T x T] for the gradient.
    """
    sequences, heads, length, size = q_SHTK.shape
    shared = heads // k_SGTK.shape[1]
    for s in range(sequences):
        for h in range(heads):
            mixed_TK = mixed_NA[s * length : (s + 1) * length, h * size : (h + 1) * size]
            k_TK, v_TK = k_SGTK[s, h // shared], v_SGTK[s, h // shared]
            shares = kept[s, h] if length <= BLOCK_Q else scores[0]
            _attend(q_SHTK[s, h], k_TK, v_TK, shares, mixed_TK, block_QK, turned, sums)


@njit(error_model="numpy")
def _attend_gradient(  # type: ignore[no-untyped-def]
    d_mixed_TK, q_TK, k_TK, v_TK, shares, d_shares, block_QK, turned, sums, sum_TK,
    d_q_TK, d_k_TK, d_v_TK,
):  # fmt: skip
    length, size = q_TK.shape
    scale = _ONE / np.sqrt(np.float32(size))
    for first in range(0, length, BLOCK_Q):
        last = min(first + BLOCK_Q, length)
        count = last - first
        shares_CQ = shares[: count * last].reshape(last, count)
        d_shares_CQ = d_shares[: count * last].reshape(last, count)
        d_block_QK, mean_Q = block_QK[:count], sums[0, :count]
        for i in range(count):
            for k in range(size):
                d_block_QK[i, k] = d_mixed_TK[first + i, k]
        if length > BLOCK_Q:
            _shares(q_TK[first:last], k_TK[:last], turned, mean_Q, sums[1, :count], shares_CQ)
        np.dot(shares_CQ, d_block_QK, sum_TK[:last])
        d_v_TK[:last] += sum_TK[:last]
        np.dot(v_TK[:last], transposed(d_block_QK, turned), d_shares_CQ)
        mean_Q[:] = 0
        for c in range(last):
            share_Q, d_share_Q = shares_CQ[c], d_shares_CQ[c]
            for i in range(count):
                mean_Q[i] = fma(share_Q[i], d_share_Q[i], mean_Q[i])
        for c in range(last):
            share_Q, d_share_Q = shares_CQ[c], d_shares_CQ[c]
            for i in range(count):
                d_share_Q[i] = share_Q[i] * (d_share_Q[i] - mean_Q[i]) * scale
        np.dot(d_shares_CQ.T, k_TK[:last], d_q_TK[first:last])
        np.dot(d_shares_CQ, q_TK[first:last], sum_TK[:last])
        d_k_TK[:last] += sum_TK[:last]


@njit(error_model="numpy")
def attention_gradient(  # type: ignore[no-untyped-def]
    d_mixed_NA, q_SHTK, k_SGTK, v_SGTK, kept, scores, block_QK, turned, sums, sum_TK,
    d_q_SHTK, d_k_SGTK, d_v_SGTK,
):  # fmt: skip
    """Gradients of queries, keys and values; the shares of long sequences are made again rather than kept."""
    sequences, heads, length, size = q_SHTK.shape
    shared = heads // k_SGTK.shape[1]
    d_k_SGTK[:] = 0
    d_v_SGTK[:] = 0
    for s in range(sequences):
        for h in range(heads):
            g = h // shared
            d_mixed_TK = d_mixed_NA[s * length : (s + 1) * length, h * size : (h + 1) * size]
            shares = kept[s, h] if length <= BLOCK_Q else scores[0]
            _attend_gradient(
                d_mixed_TK, q_SHTK[s, h], k_SGTK[s, g], v_SGTK[s, g], shares, scores[1], block_QK, turned, sums, sum_TK,
                d_q_SHTK[s, h], d_k_SGTK[s, g], d_v_SGTK[s, g],
            )  # fmt: skip
