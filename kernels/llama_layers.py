"""Pieces of a Llama-style layer and their gradients in fp32 for one model on a CPU, for numba: norm, SwiGLU, attention.

Sources: RMSNorm arXiv 1910.07467, SwiGLU 2002.05202, rotary positions 2104.09864 in Llama's form (value i of a head
turns with value i + K/2), attention in blocks of queries 2205.14135. Products are BLAS's, by `np.dot`.
Letters: N tokens, D width, F feed-forward, S sequences, T tokens of a sequence, H heads, G key-value heads, K width of
a head, E = (H + 2 x G) x K, A = H x K, C keys that a block of queries sees, Q queries of a block.
"""

from __future__ import annotations

import numpy as np

from midmix.jit import njit
from midmix.kernels.vector import dot, exp32, highest, total

_ONE = np.float32(1.0)
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
def _turn(x_K, cosine_L, sine_L, sign, out_K):  # type: ignore[no-untyped-def]
    half = len(cosine_L)
    low_L, high_L, out_low_L, out_high_L = x_K[:half], x_K[half:], out_K[:half], out_K[half:]
    for i in range(half):
        low, high, sine = low_L[i], high_L[i], sine_L[i] * sign
        out_low_L[i] = low * cosine_L[i] - high * sine
        out_high_L[i] = low * sine + high * cosine_L[i]


@njit(error_model="numpy")
def split(parts_NE, rotation, q_SHTK, k_SGTK, v_SGTK):  # type: ignore[no-untyped-def]
    """Turned queries and keys, and values, from the product that holds them side by side."""
    cosine_TL, sine_TL = rotation
    sequences, heads, length, size = q_SHTK.shape
    shared = k_SGTK.shape[1]
    for s in range(sequences):
        for t in range(length):
            part_E = parts_NE[s * length + t]
            for h in range(heads):
                _turn(part_E[h * size : (h + 1) * size], cosine_TL[t], sine_TL[t], _ONE, q_SHTK[s, h, t])
            for g in range(shared):
                key, value = (heads + g) * size, (heads + shared + g) * size
                _turn(part_E[key : key + size], cosine_TL[t], sine_TL[t], _ONE, k_SGTK[s, g, t])
                v_SGTK[s, g, t] = part_E[value : value + size]


@njit(error_model="numpy")
def join(q_SHTK, k_SGTK, v_SGTK, rotation, parts_NE):  # type: ignore[no-untyped-def]
    """The way back of `split`, for gradients: turned the other way and put side by side."""
    cosine_TL, sine_TL = rotation
    sequences, heads, length, size = q_SHTK.shape
    shared = k_SGTK.shape[1]
    for s in range(sequences):
        for t in range(length):
            part_E = parts_NE[s * length + t]
            for h in range(heads):
                _turn(q_SHTK[s, h, t], cosine_TL[t], sine_TL[t], -_ONE, part_E[h * size : (h + 1) * size])
            for g in range(shared):
                key, value = (heads + g) * size, (heads + shared + g) * size
                _turn(k_SGTK[s, g, t], cosine_TL[t], sine_TL[t], -_ONE, part_E[key : key + size])
                part_E[value : value + size] = v_SGTK[s, g, t]


@njit(error_model="numpy")
def _probabilities(q_QK, k_CK, scores_QC):  # type: ignore[no-untyped-def]
    """Softmax over the keys up to each query's own; the last key is the last query's own."""
    np.dot(q_QK, k_CK.T, scores_QC)
    queries, keys = scores_QC.shape
    scale = _ONE / np.sqrt(np.float32(q_QK.shape[1]))
    for i in range(queries):
        seen = keys - queries + i + 1
        seen_C = scores_QC[i, :seen]
        top = highest(seen_C)
        for c in range(seen):
            seen_C[c] = exp32((seen_C[c] - top) * scale)
        share = _ONE / total(seen_C)
        for c in range(seen):
            seen_C[c] *= share
        scores_QC[i, seen:] = 0


@njit(error_model="numpy")
def _attend(q_TK, k_TK, v_TK, scores, mixed_TK, block_QK):  # type: ignore[no-untyped-def]
    length = len(q_TK)
    for first in range(0, length, BLOCK_Q):
        last = min(first + BLOCK_Q, length)
        scores_QC = scores[: (last - first) * last].reshape(last - first, last)
        _probabilities(q_TK[first:last], k_TK[:last], scores_QC)
        np.dot(scores_QC, v_TK[:last], block_QK[: last - first])
        mixed_TK[first:last] = block_QK[: last - first]


@njit(error_model="numpy")
def attention(q_SHTK, k_SGTK, v_SGTK, scores, block_QK, mixed_NA):  # type: ignore[no-untyped-def]
    """Causal attention of all sequences and heads. `scores` and `block_QK` are scratch."""
    sequences, heads, length, size = q_SHTK.shape
    shared = heads // k_SGTK.shape[1]
    for s in range(sequences):
        for h in range(heads):
            mixed_TK = mixed_NA[s * length : (s + 1) * length, h * size : (h + 1) * size]
            _attend(q_SHTK[s, h], k_SGTK[s, h // shared], v_SGTK[s, h // shared], scores[0], mixed_TK, block_QK)


@njit(error_model="numpy")
def _attend_gradient(  # type: ignore[no-untyped-def]
    d_mixed_TK, q_TK, k_TK, v_TK, scores, block_QK, sum_TK,
    d_q_TK, d_k_TK, d_v_TK,
):  # fmt: skip
    length, size = q_TK.shape
    scale = _ONE / np.sqrt(np.float32(size))
    for first in range(0, length, BLOCK_Q):
        last = min(first + BLOCK_Q, length)
        count = last - first
        shares_QC = scores[0][: count * last].reshape(count, last)
        d_shares_QC = scores[1][: count * last].reshape(count, last)
        d_block_QK = block_QK[:count]
        d_block_QK[:] = d_mixed_TK[first:last]
        _probabilities(q_TK[first:last], k_TK[:last], shares_QC)
        np.dot(shares_QC.T, d_block_QK, sum_TK[:last])
        d_v_TK[:last] += sum_TK[:last]
        np.dot(d_block_QK, v_TK[:last].T, d_shares_QC)
        for i in range(count):
            share_C, d_share_C = shares_QC[i], d_shares_QC[i]
            mean = dot(share_C, d_share_C)
            for c in range(last):
                d_share_C[c] = share_C[c] * (d_share_C[c] - mean) * scale
        np.dot(d_shares_QC, k_TK[:last], d_q_TK[first:last])
        np.dot(d_shares_QC.T, q_TK[first:last], sum_TK[:last])
        d_k_TK[:last] += sum_TK[:last]


@njit(error_model="numpy")
def attention_gradient(  # type: ignore[no-untyped-def]
    d_mixed_NA, q_SHTK, k_SGTK, v_SGTK, scores, block_QK, sum_TK,
    d_q_SHTK, d_k_SGTK, d_v_SGTK,
):  # fmt: skip
    """Gradients of queries, keys and values; the shares are made again rather than kept."""
    sequences, heads, length, size = q_SHTK.shape
    shared = heads // k_SGTK.shape[1]
    d_k_SGTK[:] = 0
    d_v_SGTK[:] = 0
    for s in range(sequences):
        for h in range(heads):
            g = h // shared
            d_mixed_TK = d_mixed_NA[s * length : (s + 1) * length, h * size : (h + 1) * size]
            _attend_gradient(
                d_mixed_TK, q_SHTK[s, h], k_SGTK[s, g], v_SGTK[s, g], scores, block_QK, sum_TK,
                d_q_SHTK[s, h], d_k_SGTK[s, g], d_v_SGTK[s, g],
            )  # fmt: skip
