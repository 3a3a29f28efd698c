"""One step of AdamW over a batch of models: each row has its own rate, weight decay, clip scale and life.

Source: Loshchilov and Hutter, arXiv 1711.05101, with the decay of torch.optim.AdamW. One pass over the state: Triton on
CUDA and numba on a CPU, which read and write each value once; elsewhere torch. Letters: M models, P parameters of a
model.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from midmix.jit import njit
from midmix.kernels.launch import HAS_TRITON, arrays, can_launch, can_vectorize

BLOCK_P = 1024


def adamw_reference_(
    values_MP: Tensor, mean_MP: Tensor, square_MP: Tensor, gradients_MP: Tensor,
    rates_M: Tensor, decays_M: Tensor, scales_M: Tensor, alive_M: Tensor, corrections: Tensor,
    decayed: int, beta1: float, beta2: float, eps: float, shadow_MP: Tensor | None,
) -> None:  # fmt: skip
    """`adamw_step` in torch."""
    rates_M = torch.where(alive_M, rates_M, 0.0)
    correction1, correction2 = corrections.to(values_MP.dtype)
    rates_M1 = rates_M[:, None]
    # where, never a product: 0 x NaN would be NaN
    gradients_MP = torch.where(alive_M[:, None], gradients_MP.mul_(scales_M[:, None]), 0.0)
    mean_MP.lerp_(gradients_MP, 1 - beta1)
    square_MP.mul_(beta2).addcmul_(gradients_MP, gradients_MP, value=1 - beta2)
    values_MP[:, :decayed].mul_(1 - rates_M1 * decays_M[:, None])
    root_MP = square_MP.sqrt().div_(correction2.sqrt()).add_(eps)
    values_MP.addcdiv_(mean_MP * (rates_M1 / correction1), root_MP, value=-1.0)
    if shadow_MP is not None:
        shadow_MP.copy_(values_MP)


_ONE = np.float32(1.0)


@njit(error_model="numpy")
def _part_on_cpu(  # type: ignore[no-untyped-def]
    value_P, mean_P, square_P, gradient_P, scale, keep, rate,
    weight1, beta2, weight2, eps,
):  # fmt: skip
    for p in range(len(value_P)):
        gradient = gradient_P[p] * scale
        mean = mean_P[p] + weight1 * (gradient - mean_P[p])
        square = square_P[p] * beta2 + weight2 * gradient * gradient
        mean_P[p], square_P[p] = mean, square
        value_P[p] = value_P[p] * keep - mean * rate / (np.sqrt(square) + eps)


@njit(error_model="numpy")
def adamw_row(  # type: ignore[no-untyped-def]
    value_P, mean_P, square_P, gradient_P, rate, decay, scale, corrections, decayed,
    weight1, beta2, weight2, eps,
):  # fmt: skip
    """One step of one row in numba, all of it fp32; the gradients stay as they are."""
    # both corrections go into the rate and into eps, which saves a division for every value
    root2 = np.sqrt(corrections[1])
    moments = rate / corrections[0] * root2, weight1, beta2, weight2, eps * root2
    for part, keep in (slice(0, decayed), _ONE - rate * decay), (slice(decayed, len(value_P)), _ONE):
        _part_on_cpu(value_P[part], mean_P[part], square_P[part], gradient_P[part], scale, keep, *moments)


@njit(error_model="numpy")
def _rows_on_cpu(  # type: ignore[no-untyped-def]
    values_MP, means_MP, squares_MP, gradients_MP, rates_M, decays_M, scales_M,
    alive_M, corrections, decayed, weight1, beta2, weight2, eps,
):  # fmt: skip
    for m in range(len(values_MP)):
        if alive_M[m]:
            adamw_row(
                values_MP[m], means_MP[m], squares_MP[m], gradients_MP[m], rates_M[m], decays_M[m], scales_M[m],
                corrections, decayed, weight1, beta2, weight2, eps,
            )  # fmt: skip


if HAS_TRITON:
    import triton
    import triton.language as tl

    # Triton compiles the annotations as well, so that only its own may stand here.
    @triton.jit  # type: ignore[untyped-decorator]
    def adamw_kernel(  # type: ignore[no-untyped-def]
        values, means, squares, gradients, shadow, rates, decays, scales, alive, corrections, columns, decayed,
        weight1, beta2, weight2, eps, HAS_SHADOW: tl.constexpr, BLOCK: tl.constexpr,
    ):  # fmt: skip
        model = tl.program_id(1).to(tl.int64)
        offsets = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
        inside = offsets < columns
        at = model * columns + offsets
        lives = tl.load(alive + model) != 0
        rate = tl.where(lives, tl.load(rates + model), 0.0)
        gradient = tl.load(gradients + at, mask=inside, other=0.0).to(tl.float32) * tl.load(scales + model)
        gradient = tl.where(lives, gradient, 0.0)
        mean = tl.load(means + at, mask=inside, other=0.0)
        mean += weight1 * (gradient - mean)
        tl.store(means + at, mean, mask=inside)
        square = tl.load(squares + at, mask=inside, other=0.0) * beta2 + weight2 * gradient * gradient
        tl.store(squares + at, square, mask=inside)
        value = tl.load(values + at, mask=inside, other=0.0)
        value = tl.where(offsets < decayed, value * (1.0 - rate * tl.load(decays + model)), value)
        root = tl.sqrt(square) / tl.sqrt(tl.load(corrections + 1)) + eps
        value -= mean * (rate / tl.load(corrections)) / root
        tl.store(values + at, value, mask=inside)
        if HAS_SHADOW:
            tl.store(shadow + at, value.to(shadow.dtype.element_ty), mask=inside)


def adamw_numba_(
    values_MP: Tensor, mean_MP: Tensor, square_MP: Tensor, gradients_MP: Tensor,
    rates_M: Tensor, decays_M: Tensor, scales_M: Tensor, alive_M: Tensor, corrections: Tensor,
    decayed: int, beta1: float, beta2: float, eps: float, shadow_MP: Tensor | None,
) -> None:  # fmt: skip
    """`adamw_step` on a CPU in one pass; leaves the gradients as they were, and dead rows with their moments."""
    hyper = (tensor.float().contiguous() for tensor in (rates_M, decays_M, scales_M))
    state = arrays(values_MP, mean_MP, square_MP, gradients_MP, *hyper, alive_M.contiguous(), corrections.float())
    _rows_on_cpu(*state, decayed, *(np.float32(value) for value in (1 - beta1, beta2, 1 - beta2, eps)))
    if shadow_MP is not None:
        shadow_MP.copy_(values_MP)


def is_supported(values_MP: Tensor, mean_MP: Tensor, square_MP: Tensor, gradients_MP: Tensor) -> bool:
    """Whether the Triton form takes this state: where Triton runs, contiguous, fp32 (gradients may be narrower)."""
    state = (values_MP, mean_MP, square_MP)
    return (
        can_launch(values_MP)
        and all(tensor.dtype == torch.float32 and tensor.is_contiguous() for tensor in state)
        and gradients_MP.dtype in (torch.float32, torch.float16, torch.bfloat16)
        and gradients_MP.is_contiguous()
    )


def adamw_triton_(
    values_MP: Tensor, mean_MP: Tensor, square_MP: Tensor, gradients_MP: Tensor,
    rates_M: Tensor, decays_M: Tensor, scales_M: Tensor, alive_M: Tensor, corrections: Tensor,
    decayed: int, beta1: float, beta2: float, eps: float, shadow_MP: Tensor | None,
) -> None:  # fmt: skip
    """`adamw_step` in Triton; leaves the gradients as they were. Differs from torch by the rounding of fp32."""
    models, columns = values_MP.shape
    if values_MP.numel() == 0:
        return
    adamw_kernel[(triton.cdiv(columns, BLOCK_P), models)](
        values_MP, mean_MP, square_MP, gradients_MP, values_MP if shadow_MP is None else shadow_MP,
        rates_M.contiguous(), decays_M.contiguous(), scales_M.contiguous(), alive_M.contiguous(),
        corrections.float().contiguous(), columns, decayed, 1 - beta1, beta2, 1 - beta2, eps,
        HAS_SHADOW=shadow_MP is not None, BLOCK=BLOCK_P,
    )  # fmt: skip


_WRITTEN = ("values_MP", "mean_MP", "square_MP", "gradients_MP", "shadow_MP")


@torch.library.custom_op("midmix::adamw_step", mutates_args=_WRITTEN)
def adamw_step(
    values_MP: Tensor, mean_MP: Tensor, square_MP: Tensor, gradients_MP: Tensor,
    rates_M: Tensor, decays_M: Tensor, scales_M: Tensor, alive_M: Tensor, corrections: Tensor,
    decayed: int, beta1: float, beta2: float, eps: float, shadow_MP: Tensor | None = None,
) -> None:  # fmt: skip
    """Update values and both moments in place; the gradients are used up.

    `corrections` [2] are 1 - beta1^t and 1 - beta2^t of step number t (from 1): a tensor, so that a CUDA graph can count.

    Per model: learning rate, weight decay (of the `decayed` leading values of its row), factor of its gradient
    (the clip), and whether it lives (bool): the values of a dead row stay as they are whatever its gradient.
    `shadow_MP`, mostly bfloat16, receives the new values.
    """
    state = (values_MP, mean_MP, square_MP, gradients_MP)
    if is_supported(*state):
        form = adamw_triton_
    else:
        form = adamw_numba_ if can_vectorize(*state) else adamw_reference_
    form(*state, rates_M, decays_M, scales_M, alive_M, corrections, decayed, beta1, beta2, eps, shadow_MP)


@adamw_step.register_fake
def _(*_arguments: object) -> None:
    return None
