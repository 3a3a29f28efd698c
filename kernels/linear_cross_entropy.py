"""Cross-entropy of a batch of models straight from hidden states, without keeping the logits.

Two forms, both with the same bits at every run; both make the gradients of hidden states and heads at once, and
backward only scales them by the gradient of each model's loss:

- chunked: logits are made block by block over the tokens and used up while the block is in cache. This saves the
  second product with the head that recomputation would cost (a tenth of a small model's step on a CPU).
- fused, in `linear_cross_entropy_fused.py` (Triton, 16-bit, D <= 384): logits never leave the chip.

Letters: M models, N tokens, D width, V vocabulary, C tokens of a block, G models of a group.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from midmix.kernels.linear_cross_entropy_fused import is_supported, linear_cross_entropy_fused, losses_fused
from midmix.kernels.softmax_cross_entropy import softmax_cross_entropy_

# Logits of one block: 2 MiB stay in a CPU core's cache, 256 MiB keep a GPU busy.
_BLOCK_BYTES = {"cpu": 2 * 2**20, "cuda": 256 * 2**20}


def block_tokens(hidden_MND: Tensor, vocabulary: int) -> int:
    """Tokens per block. On a CPU models go one by one, on a GPU all at once; never depends on the data."""
    device = hidden_MND.device.type
    models = 1 if device == "cpu" else hidden_MND.shape[0]
    row_bytes = models * vocabulary * hidden_MND.element_size()
    return max(16, _BLOCK_BYTES.get(device, _BLOCK_BYTES["cuda"]) // row_bytes // 16 * 16)


def linear_cross_entropy_reference(
    hidden_MND: Tensor, head_MVD: Tensor, targets_MN: Tensor, weights_MN: Tensor
) -> tuple[Tensor, Tensor]:
    """Weighted sum of losses [M] and loss of every token [M, N], through full logits and autograd."""
    logits_MNV = torch.bmm(hidden_MND, head_MVD.transpose(1, 2))
    nll_MN = -logits_MNV.log_softmax(-1).gather(-1, targets_MN[..., None])[..., 0]
    return (nll_MN * weights_MN).sum(1), nll_MN


def linear_cross_entropy_chunked(
    hidden_MND: Tensor, head_MVD: Tensor, targets_MN: Tensor, weights_MN: Tensor, block: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Losses [M, N] and the gradients of their weighted sum by hidden states and heads, `block` tokens at a time."""
    nll_MN = torch.empty_like(weights_MN)
    d_hidden_MND, d_head_MVD = hidden_MND.new_empty(hidden_MND.shape), head_MVD.new_empty(head_MVD.shape)
    models, tokens = targets_MN.shape
    # As few models at a time on a CPU as fill a block of logits, which stay in cache with their heads.
    group = max(1, block // max(1, tokens) if hidden_MND.device.type == "cpu" else models)
    for first in range(0, hidden_MND.shape[0], group):
        some = slice(first, first + group)
        _forward_and_gradients(
            hidden_MND[some], head_MVD[some], targets_MN[some], weights_MN[some], block,
            nll_MN[some], d_hidden_MND[some], d_head_MVD[some],
        )  # fmt: skip
    return nll_MN, d_hidden_MND, d_head_MVD


def _forward_and_gradients(
    hidden_GND: Tensor, head_GVD: Tensor, targets_GN: Tensor, weights_GN: Tensor, block: int,
    nll_GN: Tensor, d_hidden_GND: Tensor, d_head_GVD: Tensor,
) -> None:  # fmt: skip
    """Fill the losses and gradients of a group of models, block by block."""
    models, tokens, _ = hidden_GND.shape
    vocabulary = head_GVD.shape[1]
    buffer = hidden_GND.new_empty(models * min(block, tokens) * vocabulary)
    for start in range(0, tokens, block):
        rows = slice(start, min(start + block, tokens))
        hidden_GCD = hidden_GND[:, rows]
        count = hidden_GCD.shape[1]
        logits_GCV = buffer[: models * count * vocabulary].view(models, count, vocabulary)
        torch.bmm(hidden_GCD, head_GVD.transpose(1, 2), out=logits_GCV)
        losses = softmax_cross_entropy_(
            logits_GCV.view(-1, vocabulary), targets_GN[:, rows].reshape(-1), weights_GN[:, rows].reshape(-1)
        )
        nll_GN[:, rows] = losses.view(models, count)
        d_hidden_GND[:, rows] = torch.bmm(logits_GCV, head_GVD)
        if start == 0:
            torch.bmm(logits_GCV.transpose(1, 2), hidden_GCD, out=d_head_GVD)
        else:
            d_head_GVD.baddbmm_(logits_GCV.transpose(1, 2), hidden_GCD)


@torch.library.custom_op("midmix::linear_cross_entropy", mutates_args=())
def _operator(
    hidden_MND: Tensor, head_MVD: Tensor, targets_MN: Tensor, weights_MN: Tensor, block: int
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Weighted sums [M], losses [M, N], and the gradients of each model's sum by its hidden states and head."""
    arguments = (hidden_MND, head_MVD, targets_MN, weights_MN)
    if is_supported(hidden_MND, head_MVD):
        nll_MN, d_hidden_MND, d_head_MVD = linear_cross_entropy_fused(*arguments)
    else:
        nll_MN, d_hidden_MND, d_head_MVD = linear_cross_entropy_chunked(*arguments, block)
    return (nll_MN * weights_MN).sum(1), nll_MN, d_hidden_MND, d_head_MVD


@_operator.register_fake
def _(
    hidden_MND: Tensor, head_MVD: Tensor, targets_MN: Tensor, weights_MN: Tensor, block: int
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    d_hidden_MND, d_head_MVD = hidden_MND.new_empty(hidden_MND.shape), head_MVD.new_empty(head_MVD.shape)
    return weights_MN.new_empty(len(weights_MN)), torch.empty_like(weights_MN), d_hidden_MND, d_head_MVD


def _keep_gradients(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
    _, nll_MN, d_hidden_MND, d_head_MVD = output
    ctx.save_for_backward(d_hidden_MND, d_head_MVD)
    ctx.mark_non_differentiable(nll_MN, d_hidden_MND, d_head_MVD)


def _scale_gradients(ctx: Any, d_loss_M: Tensor, *_: Tensor) -> tuple[Tensor, Tensor, None, None, None]:
    d_hidden_MND, d_head_MVD = ctx.saved_tensors
    scale_M11 = d_loss_M[:, None, None]
    return d_hidden_MND * scale_M11, d_head_MVD * scale_M11, None, None, None


_operator.register_autograd(_scale_gradients, setup_context=_keep_gradients)


def linear_cross_entropy(
    hidden_MND: Tensor, head_MVD: Tensor, targets_MN: Tensor, weights_MN: Tensor, *, block: int | None = None
) -> tuple[Tensor, Tensor]:
    """Weighted sum of losses [M], to be differentiated, and the loss of every token [M, N] in nats, detached.

    `targets_MN` are token ids (int64), `weights_MN` the weight of each token in its model's sum (0 leaves it out).
    Gradients reach `hidden_MND` and `head_MVD`. `block` is the number of tokens per block of logits.
    """
    block = block or block_tokens(hidden_MND, head_MVD.shape[1])
    loss_M, nll_MN, _, _ = _operator(hidden_MND, head_MVD, targets_MN, weights_MN, block)
    return loss_M, nll_MN


def loss_and_gradients(
    hidden_MND: Tensor, head_MVD: Tensor, targets_MN: Tensor, weights_MN: Tensor, block: int = 0
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """What `linear_cross_entropy` gives, and the gradients of each model's sum by its hidden states and its head."""
    block = block or block_tokens(hidden_MND, head_MVD.shape[1])
    loss_M, nll_MN, d_hidden_MND, d_head_MVD = _operator(hidden_MND, head_MVD, targets_MN, weights_MN, block)
    return loss_M, nll_MN, d_hidden_MND, d_head_MVD


def _loss_dtype(hidden_MND: Tensor) -> torch.dtype:
    return torch.promote_types(hidden_MND.dtype, torch.float32)


@torch.library.custom_op("midmix::linear_cross_entropy_values", mutates_args=())
def linear_cross_entropy_values(hidden_MND: Tensor, head_MVD: Tensor, targets_MN: Tensor) -> Tensor:
    """The loss of every token [M, N] in nats, fp32 or wider, without gradients and without full logits."""
    if is_supported(hidden_MND, head_MVD):
        return losses_fused(hidden_MND.contiguous(), head_MVD.contiguous(), targets_MN.contiguous())[0]
    nll_MN = hidden_MND.new_empty(targets_MN.shape, dtype=_loss_dtype(hidden_MND))
    block = block_tokens(hidden_MND, head_MVD.shape[1])
    for model in range(hidden_MND.shape[0]):
        for start in range(0, targets_MN.shape[1], block):
            rows = slice(start, start + block)
            logits_CV = hidden_MND[model, rows] @ head_MVD[model].T
            chosen_C = logits_CV.gather(1, targets_MN[model, rows, None])[:, 0]
            nll_MN[model, rows] = logits_CV.logsumexp(1) - chosen_C
    return nll_MN


@linear_cross_entropy_values.register_fake
def _(hidden_MND: Tensor, head_MVD: Tensor, targets_MN: Tensor) -> Tensor:
    return hidden_MND.new_empty(targets_MN.shape, dtype=_loss_dtype(hidden_MND))
