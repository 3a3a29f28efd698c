"""Loss and gradients of a Llama-style model on a CPU, fp32, in one native call.

A model of a proxy's size and its activations stay in a core's cache, and nothing between two products goes through a
framework: at 32 tokens a step torch spends more time on its own account than on the products. The model is that of
`proxy_train/model.py`, whose rows it reads. Letters: P parameters of the model, N tokens, L layers, D width,
F feed-forward, V vocabulary, C tokens of a block of logits; others in `llama_layers.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from midmix.jit import njit
from midmix.kernels.launch import arrays
from midmix.kernels.llama_layers import (
    BLOCK_Q,
    attention,
    attention_gradient,
    join,
    norm,
    norm_gradient,
    split,
    swiglu,
    swiglu_gradient,
)  # fmt: skip
from midmix.kernels.llama_loss import head_loss
from midmix.kernels.small_products import UNPACKED, product, product_back

# Logits of a block stay in cache.
_LOGIT_BYTES = 2 * 2**20


class Work(NamedTuple):
    """What one model leaves behind on its way forward, and scratch; reused by every model and step."""

    x_LND: Any
    normed_LND: Any
    scale_LN: Any
    q_LSHTK: Any
    k_LSGTK: Any
    v_LSGTK: Any
    mixed_LNA: Any
    middle_LND: Any
    inner_normed_LND: Any
    inner_scale_LN: Any
    both_LN2F: Any
    inner_LNF: Any
    parts_NE: Any
    d_x_ND: Any
    d_normed_ND: Any
    d_mixed_NA: Any
    d_inner_NF: Any
    d_q_SHTK: Any
    d_k_SGTK: Any
    d_v_SGTK: Any
    kept_LSH: Any
    scores: Any
    block_QK: Any
    sum_TK: Any
    turned: Any
    sums: Any
    logits: Any
    hidden: Any
    losses_C: Any
    tops_C: Any
    sums_C: Any
    part_CD: Any
    part_VD: Any
    products: Any


@njit(error_model="numpy")
def _matrix(row_P, offset, height, width):  # type: ignore[no-untyped-def]
    return row_P[offset : offset + height * width].reshape(height, width)


@njit(error_model="numpy")
def _forward(row_P, at, first, layers, eps, rotation, w):  # type: ignore[no-untyped-def]
    """All layers; `at` holds where parameters begin, `first` is the number of the first layer's first."""
    width, mixed = w.x_LND.shape[2], w.mixed_LNA.shape[2]
    inner = w.inner_LNF.shape[2]
    gains = first + 4 * layers
    for layer in range(layers):
        x_ND, middle_ND, p = w.x_LND[layer], w.middle_LND[layer], first + 4 * layer
        gain = at[gains + 2 * layer]
        norm(x_ND, row_P[gain : gain + width], eps, w.scale_LN[layer], w.normed_LND[layer])
        product(w.normed_LND[layer], _matrix(row_P, at[p], width, w.parts_NE.shape[1]), w.parts_NE)
        split(w.parts_NE, rotation, w.q_LSHTK[layer], w.k_LSGTK[layer], w.v_LSGTK[layer])
        attention(
            w.q_LSHTK[layer], w.k_LSGTK[layer], w.v_LSGTK[layer], w.kept_LSH[layer], w.scores, w.block_QK, w.turned,
            w.sums, w.mixed_LNA[layer],
        )  # fmt: skip
        product(w.mixed_LNA[layer], _matrix(row_P, at[p + 1], mixed, width), middle_ND)
        middle_ND += x_ND
        gain = at[gains + 2 * layer + 1]
        norm(middle_ND, row_P[gain : gain + width], eps, w.inner_scale_LN[layer], w.inner_normed_LND[layer])
        product(w.inner_normed_LND[layer], _matrix(row_P, at[p + 2], width, 2 * inner), w.both_LN2F[layer])
        swiglu(w.both_LN2F[layer], w.inner_LNF[layer])
        product(w.inner_LNF[layer], _matrix(row_P, at[p + 3], inner, width), w.x_LND[layer + 1])
        w.x_LND[layer + 1] += middle_ND


@njit(error_model="numpy")
def _backward(row_P, d_row_P, at, first, layers, rotation, w):  # type: ignore[no-untyped-def]
    """From the gradient of the last layer's output in `w.d_x_ND` to that of the first layer's input, in its place."""
    width, mixed, together = w.x_LND.shape[2], w.mixed_LNA.shape[2], w.parts_NE.shape[1]
    inner = w.inner_LNF.shape[2]
    gains = first + 4 * layers
    for layer in range(layers - 1, -1, -1):
        p, gain = first + 4 * layer, at[gains + 2 * layer + 1]
        np.dot(w.inner_LNF[layer].T, w.d_x_ND, _matrix(d_row_P, at[p + 3], inner, width))
        product_back(w.d_x_ND, _matrix(row_P, at[p + 3], inner, width), w.d_inner_NF, w.products)
        swiglu_gradient(w.d_inner_NF, w.both_LN2F[layer])
        np.dot(w.inner_normed_LND[layer].T, w.both_LN2F[layer], _matrix(d_row_P, at[p + 2], width, 2 * inner))
        product_back(w.both_LN2F[layer], _matrix(row_P, at[p + 2], width, 2 * inner), w.d_normed_ND, w.products)
        norm_gradient(
            w.d_normed_ND, w.middle_LND[layer], row_P[gain : gain + width], w.inner_scale_LN[layer], w.d_x_ND,
            d_row_P[gain : gain + width],
        )  # fmt: skip
        gain = at[gains + 2 * layer]
        np.dot(w.mixed_LNA[layer].T, w.d_x_ND, _matrix(d_row_P, at[p + 1], mixed, width))
        product_back(w.d_x_ND, _matrix(row_P, at[p + 1], mixed, width), w.d_mixed_NA, w.products)
        attention_gradient(
            w.d_mixed_NA, w.q_LSHTK[layer], w.k_LSGTK[layer], w.v_LSGTK[layer], w.kept_LSH[layer], w.scores,
            w.block_QK, w.turned, w.sums, w.sum_TK, w.d_q_SHTK, w.d_k_SGTK, w.d_v_SGTK,
        )  # fmt: skip
        join(w.d_q_SHTK, w.d_k_SGTK, w.d_v_SGTK, rotation, w.parts_NE)
        np.dot(w.normed_LND[layer].T, w.parts_NE, _matrix(d_row_P, at[p], width, together))
        product_back(w.parts_NE, _matrix(row_P, at[p], width, together), w.d_normed_ND, w.products)
        norm_gradient(
            w.d_normed_ND, w.x_LND[layer], row_P[gain : gain + width], w.scale_LN[layer], w.d_x_ND,
            d_row_P[gain : gain + width],
        )  # fmt: skip


@njit(error_model="numpy")
def model_gradients(  # type: ignore[no-untyped-def]
    row_P, d_row_P, tokens_N, targets_N, at, tied, factor, eps, rotation,
    w,
):  # fmt: skip
    """Mean loss of one model, whose gradients fill `d_row_P`."""
    layers, (vocabulary, width) = len(w.both_LN2F), w.part_VD.shape
    first, head, gain = 1 if tied else 2, 0 if tied else at[1], at[-1]
    embedding_VD, d_embedding_VD = _matrix(row_P, 0, vocabulary, width), _matrix(d_row_P, 0, vocabulary, width)
    for n in range(len(tokens_N)):
        token_D, x_D = embedding_VD[tokens_N[n]], w.x_LND[0, n]
        for d in range(width):
            x_D[d] = token_D[d] * factor
    _forward(row_P, at, first, layers, eps, rotation, w)
    hidden_ND = w.normed_LND[layers]
    gain_D, d_gain_D = row_P[gain : gain + width], d_row_P[gain : gain + width]
    norm(w.x_LND[layers], gain_D, eps, w.scale_LN[layers], hidden_ND)
    head_VD, d_head_VD = _matrix(row_P, head, vocabulary, width), _matrix(d_row_P, head, vocabulary, width)
    loss = head_loss(hidden_ND, head_VD, targets_N, w.d_normed_ND, d_head_VD, w)
    w.d_x_ND[:] = 0
    norm_gradient(w.d_normed_ND, w.x_LND[layers], gain_D, w.scale_LN[layers], w.d_x_ND, d_gain_D)
    _backward(row_P, d_row_P, at, first, layers, rotation, w)
    if not tied:
        d_embedding_VD[:] = 0
    for n in range(len(tokens_N)):
        d_token_D, d_x_D = d_embedding_VD[tokens_N[n]], w.d_x_ND[n]
        for d in range(width):
            d_token_D[d] += d_x_D[d] * factor
    return loss


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """The shape of the models and of a batch of text; `offsets` says where each parameter of a row begins.

    They come in the order: embedding, head (unless tied), per layer attention in and out and feed-forward in and out,
    per layer the gains of both, the final gain.
    """

    layers: int
    width: int
    feed_forward: int
    vocabulary: int
    heads: int
    key_value_heads: int
    head_width: int
    tied: bool
    embedding_factor: float
    norm_eps: float
    offsets: Sequence[int]
    sequences: int
    length: int


def allocate(sizes: Sizes) -> Work:
    """Buffers for one model of these sizes."""
    tokens, layers, d, f = sizes.sequences * sizes.length, sizes.layers, sizes.width, sizes.feed_forward
    s, h, g, t, k = sizes.sequences, sizes.heads, sizes.key_value_heads, sizes.length, sizes.head_width
    block = min(tokens, max(16, _LOGIT_BYTES // (4 * sizes.vocabulary) // 16 * 16))

    # torch's memory begins on a line of the cache, which halves the reads of 64 bytes beside numpy's
    def empty(*shape: int) -> NDArray[np.float32]:
        return torch.empty(shape).numpy()

    return Work(
        x_LND=empty(layers + 1, tokens, d), normed_LND=empty(layers + 1, tokens, d), scale_LN=empty(layers + 1, tokens),
        q_LSHTK=empty(layers, s, h, t, k), k_LSGTK=empty(layers, s, g, t, k), v_LSGTK=empty(layers, s, g, t, k),
        mixed_LNA=empty(layers, tokens, h * k), middle_LND=empty(layers, tokens, d),
        inner_normed_LND=empty(layers, tokens, d), inner_scale_LN=empty(layers, tokens),
        both_LN2F=empty(layers, tokens, 2 * f), inner_LNF=empty(layers, tokens, f),
        parts_NE=empty(tokens, (h + 2 * g) * k), d_x_ND=empty(tokens, d), d_normed_ND=empty(tokens, d),
        d_mixed_NA=empty(tokens, h * k), d_inner_NF=empty(tokens, f),
        d_q_SHTK=empty(s, h, t, k), d_k_SGTK=empty(s, g, t, k), d_v_SGTK=empty(s, g, t, k),
        kept_LSH=empty(layers, s, h, t * t if t <= BLOCK_Q else 0),
        scores=empty(2, min(t, BLOCK_Q) * t), block_QK=empty(min(t, BLOCK_Q), k), sum_TK=empty(t, k),
        turned=empty(k * min(t, BLOCK_Q)), sums=empty(2, min(t, BLOCK_Q)),
        logits=empty(sizes.vocabulary * block), hidden=empty(d * block),
        losses_C=empty(block), tops_C=empty(block), sums_C=empty(block), part_CD=empty(block, d),
        part_VD=empty(sizes.vocabulary, d),
        products=empty(min(tokens * (d + max(2 * f, (h + 2 * g) * k)), 2 * UNPACKED)),
    )  # fmt: skip


def arguments(sizes: Sizes, rotation: tuple[Tensor, Tensor]) -> tuple[Any, ...]:
    """The last arguments of `model_gradients`: what all models of a shape share."""
    factors = np.float32(sizes.embedding_factor), np.float32(sizes.norm_eps)
    return np.array(sizes.offsets), sizes.tied, *factors, arrays(*rotation), allocate(sizes)
