"""Row-wise softmax cross-entropy that leaves its gradient in place of the logits.

One pass gives both the loss of every row and the gradient of the weighted sum of losses, so that a block of logits is
used up while it is still in cache and is never kept. Torch reference for every device; one Triton program per row on
CUDA. Letters: R rows, V vocabulary.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from midmix.jit import njit
from midmix.kernels.launch import HAS_TRITON, arrays, can_launch, can_vectorize
from midmix.kernels.vector import exp32, highest, total

LARGEST_BLOCK = 4096


def softmax_cross_entropy_reference_(logits_RV: Tensor, targets_R: Tensor, weights_R: Tensor) -> Tensor:
    """Losses [R], in nats; `logits_RV` then holds the gradient of sum(weights_R * losses).

    A row of NaN or infinite logits gives a NaN loss and a gradient of NaN in that row alone.
    """
    targets_R1 = targets_R[:, None]
    logits_RV.sub_(logits_RV.amax(1, keepdim=True))
    chosen_R = logits_RV.gather(1, targets_R1)[:, 0]
    total_R = logits_RV.exp_().sum(1)
    logits_RV.mul_((weights_R / total_R)[:, None])
    logits_RV.scatter_add_(1, targets_R1, -weights_R[:, None].to(logits_RV.dtype))
    return total_R.log() - chosen_R


@njit(error_model="numpy")
def softmax_rows(logits_RV, targets_R, weights_R, losses_R):  # type: ignore[no-untyped-def]
    rows, columns = logits_RV.shape
    for r in range(rows):
        x_V = logits_RV[r]
        top = highest(x_V)
        chosen = x_V[targets_R[r]] - top
        for v in range(columns):
            x_V[v] = exp32(x_V[v] - top)
        sum_of_exp = total(x_V)
        losses_R[r] = np.float32(np.log(sum_of_exp)) - chosen
        scale = weights_R[r] / sum_of_exp
        for v in range(columns):
            x_V[v] *= scale
        x_V[targets_R[r]] -= weights_R[r]


if HAS_TRITON:
    import triton
    import triton.language as tl

    # Triton compiles the annotations as well, so that only its own may stand here.
    @triton.jit  # type: ignore[untyped-decorator]
    def row_kernel(logits, targets, weights, losses, columns, stride, BLOCK: tl.constexpr):  # type: ignore[no-untyped-def]
        row = tl.program_id(0).to(tl.int64)
        base = logits + row * stride
        target = tl.load(targets + row)
        weight = tl.load(weights + row).to(tl.float32)
        offsets = tl.arange(0, BLOCK)
        # Running maximum and sum, so that a row of any width needs one read for the loss and one for the gradient.
        top = tl.full((BLOCK,), float("-inf"), tl.float32)
        total = tl.zeros((BLOCK,), tl.float32)
        for start in range(0, columns, BLOCK):
            inside = start + offsets < columns
            value = tl.load(base + start + offsets, mask=inside, other=float("-inf")).to(tl.float32)
            higher = tl.maximum(top, value)
            # Lanes that have seen nothing yet hold -inf; -inf - -inf would be NaN.
            shift = tl.where(higher == float("-inf"), 0.0, higher)
            total = total * tl.exp(top - shift) + tl.exp(value - shift)
            top = higher
        highest = tl.max(top, axis=0)
        total_row = tl.sum(total * tl.exp(top - highest), axis=0)
        chosen = tl.load(base + target).to(tl.float32)
        tl.store(losses + row, highest + tl.log(total_row) - chosen)
        for start in range(0, columns, BLOCK):
            inside = start + offsets < columns
            value = tl.load(base + start + offsets, mask=inside, other=float("-inf")).to(tl.float32)
            gradient = tl.exp(value - highest) / total_row
            gradient = weight * tl.where(start + offsets == target, gradient - 1.0, gradient)
            tl.store(base + start + offsets, gradient, mask=inside)


def is_supported(logits_RV: Tensor) -> bool:
    """Whether the Triton form takes these logits: where Triton runs, 2-D, rows contiguous, fp32, fp16 or bf16."""
    return (
        can_launch(logits_RV)
        and logits_RV.dim() == 2
        and logits_RV.stride(1) == 1
        and logits_RV.dtype in (torch.float32, torch.float16, torch.bfloat16)
    )


def softmax_cross_entropy_triton_(logits_RV: Tensor, targets_R: Tensor, weights_R: Tensor) -> Tensor:
    """The Triton form of `softmax_cross_entropy_reference_`; losses are fp32 and sums are kept in fp32.

    Runs on CUDA, or on any device under Triton's interpreter. Deterministic: one program owns one row.
    """
    rows, columns = logits_RV.shape
    losses_R = torch.empty(rows, dtype=torch.float32, device=logits_RV.device)
    if rows == 0:
        return losses_R
    block = min(LARGEST_BLOCK, triton.next_power_of_2(columns))
    sizes = (columns, logits_RV.stride(0))
    warps = min(16, max(1, block // 256))
    row_kernel[(rows,)](logits_RV, targets_R, weights_R, losses_R, *sizes, BLOCK=block, num_warps=warps)
    return losses_R


def softmax_cross_entropy_(logits_RV: Tensor, targets_R: Tensor, weights_R: Tensor) -> Tensor:
    """Losses [R] in nats, the logits overwritten by the gradient of sum(weights_R * losses); the form that fits.

    `targets_R` are class numbers below V (int64); `weights_R` may be wider than the logits.
    """
    if is_supported(logits_RV):
        return softmax_cross_entropy_triton_(logits_RV, targets_R.contiguous(), weights_R.contiguous())
    if can_vectorize(logits_RV, weights_R):
        losses_R = torch.empty_like(weights_R)
        softmax_rows(*arrays(logits_RV, targets_R.contiguous(), weights_R, losses_R))
        return losses_R
    return softmax_cross_entropy_reference_(logits_RV, targets_R, weights_R)
