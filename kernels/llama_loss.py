"""Mean cross-entropy of hidden states through a head, and its gradients, in fp32 for one model on a CPU, for numba.

Logits stand with the tokens of a block side by side: then all three products are of the two forms that a BLAS is
fastest at for small matrices, and softmax adds and compares whole vectors of tokens. Letters: N tokens, C tokens of a
block, D width, V vocabulary.
"""

from __future__ import annotations

import numpy as np

from midmix.jit import njit
from midmix.kernels.small_products import unpacked_rows
from midmix.kernels.vector import exp32, transposed

_ONE = np.float32(1.0)


@njit(error_model="numpy")
def _softmax(logits_VC, targets_C, weight, losses_C, top_C, sum_C):  # type: ignore[no-untyped-def]
    """Losses of tokens; `logits_VC` then holds the gradient of their sum times `weight`."""
    vocabulary, tokens = logits_VC.shape
    for c in range(tokens):
        top_C[c], sum_C[c] = logits_VC[0, c], 0
    for v in range(1, vocabulary):
        for c in range(tokens):
            x = logits_VC[v, c]
            top_C[c] = x if x > top_C[c] else top_C[c]
    for c in range(tokens):
        losses_C[c] = top_C[c] - logits_VC[targets_C[c], c]
    for v in range(vocabulary):
        for c in range(tokens):
            share = exp32(logits_VC[v, c] - top_C[c])
            logits_VC[v, c] = share
            sum_C[c] += share
    for c in range(tokens):
        losses_C[c] += np.float32(np.log(sum_C[c]))
        sum_C[c] = weight / sum_C[c]
    for v in range(vocabulary):
        for c in range(tokens):
            logits_VC[v, c] *= sum_C[c]
    for c in range(tokens):
        logits_VC[targets_C[c], c] -= weight


@njit(error_model="numpy")
def head_loss(hidden_ND, head_VD, targets_N, d_hidden_ND, d_head_VD, w):  # type: ignore[no-untyped-def]
    """Mean loss; fills its gradients by hidden states and head, a block of tokens at a time."""
    tokens, block, (vocabulary, width) = len(hidden_ND), len(w.losses_C), head_VD.shape
    loss = 0.0
    for start in range(0, tokens, block):
        end = min(start + block, tokens)
        count = end - start
        hidden_CD, d_hidden_CD = hidden_ND[start:end], d_hidden_ND[start:end]
        hidden_DC = transposed(hidden_CD, w.hidden)
        logits_VC = w.logits[: vocabulary * count].reshape(vocabulary, count)
        chunk = unpacked_rows(vocabulary, count, width)
        for v in range(0, vocabulary, chunk):
            np.dot(head_VD[v : v + chunk], hidden_DC, logits_VC[v : v + chunk])
        losses_C = w.losses_C[:count]
        _softmax(
            logits_VC, targets_N[start:end], _ONE / np.float32(tokens), losses_C, w.tops_C[:count], w.sums_C[:count]
        )
        for value in losses_C:
            loss += value
        for v in range(0, vocabulary, chunk):
            d_logits_VC, d_part_VD = logits_VC[v : v + chunk], d_head_VD[v : v + chunk]
            if v == 0:
                np.dot(d_logits_VC.T, head_VD[:chunk], d_hidden_CD)
            else:
                np.dot(d_logits_VC.T, head_VD[v : v + chunk], w.part_CD[:count])
                d_hidden_CD += w.part_CD[:count]
            if start == 0:
                np.dot(d_logits_VC, hidden_CD, d_part_VD)
            else:
                np.dot(d_logits_VC, hidden_CD, w.part_VD[: len(d_part_VD)])
                d_part_VD += w.part_VD[: len(d_part_VD)]
    return loss / tokens
