"""A training step of a batch of Llama-style models on a CPU, fp32, in one native call: one model after the other.

AdamW takes the gradients of a model while they are in cache, and they lie where those of the model before it lay: weights
and moments alone come from memory. Letters: M models, P parameters of a model, N tokens of a step.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from midmix.jit import njit
from midmix.kernels.adamw import adamw_row
from midmix.kernels.launch import arrays
from midmix.kernels.llama_gradients import Sizes, arguments, model_gradients
from midmix.kernels.vector import sum_of_squares

_ONE = np.float32(1.0)


@njit(error_model="numpy")
def _models(  # type: ignore[no-untyped-def]
    state, losses_M, tokens_MN, targets_MN, hyper, alive_M, corrections,
    adamw, d_row_P, model,
):  # fmt: skip
    rows_MP, means_MP, squares_MP = state
    rates_M, decays_M, clips_M = hyper
    for m in range(len(rows_MP)):
        losses_M[m] = model_gradients(rows_MP[m], d_row_P, tokens_MN[m], targets_MN[m], *model)
        norm = np.float32(np.sqrt(sum_of_squares(d_row_P)))
        alive_M[m] = alive_M[m] and np.isfinite(norm)
        if alive_M[m]:
            scale = min(_ONE, clips_M[m] / norm)
            adamw_row(
                rows_MP[m], means_MP[m], squares_MP[m], d_row_P, rates_M[m], decays_M[m], scale, corrections, *adamw
            )


class LlamaStep:
    """Steps of models of one shape on batches of text of one size, with buffers that stay."""

    def __init__(
        self, sizes: Sizes, rotation: tuple[Tensor, Tensor], *, decayed: int, beta1: float, beta2: float, eps: float
    ) -> None:
        self._model = arguments(sizes, rotation)
        self._betas = beta1, beta2
        self._adamw = (decayed, *(np.float32(value) for value in (1 - beta1, beta2, 1 - beta2, eps)))
        # the final gain comes last in a row
        self._gradients = torch.empty(sizes.offsets[-1] + sizes.width)

    def __call__(
        self, state: tuple[Tensor, Tensor, Tensor], hyper: tuple[Tensor, Tensor, Tensor], alive_M: Tensor, number: int,
        tokens_MN: Tensor, targets_MN: Tensor,
    ) -> Tensor:  # fmt: skip
        """Mean losses [M] before the step, in nats per token.

        `state` is weights and both moments [M, P], `hyper` learning rates, weight decays and clips [M]: contiguous fp32;
        `number` counts the steps of the moments, from 1. A model whose gradient is not finite dies, and a dead one
        stays as it is.
        """
        losses_M = torch.empty(len(alive_M))
        corrections = np.array([1 - beta**number for beta in self._betas], np.float32)
        _models(
            arrays(*state), *arrays(losses_M, tokens_MN.contiguous(), targets_MN.contiguous()), arrays(*hyper),
            *arrays(alive_M), corrections, self._adamw, *arrays(self._gradients), self._model,
        )  # fmt: skip
        return losses_M
