"""AdamW over rows of parameters: one row a model, with its own learning rate, clip and life.

Letters: M models, P parameters of a model.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

BETA1 = 0.9
# Small batches want a long memory: 0.99 ended 0.04 nats below 0.95 after 400 steps of 512 tokens.
BETA2 = 0.99
EPS = 1e-8


class AdamW:
    """AdamW (Loshchilov and Hutter, arXiv 1711.05101) with the model axis; dead rows stay as they were.

    A row dies when its gradient is not finite: it is frozen at its last weights and no other row sees it, since
    no step mixes rows. `decayed` leading values of a row get weight decay.
    """

    def __init__(self, rows_MP: Tensor, *, decayed: int, weight_decay: float, clip_M: Tensor) -> None:
        self.rows_MP, self.decayed, self.weight_decay = rows_MP, decayed, weight_decay
        self.clip_M = clip_M.to(rows_MP)
        self.alive_M = torch.ones(rows_MP.shape[0], dtype=torch.bool, device=rows_MP.device)
        self.mean_MP, self.square_MP = torch.zeros_like(rows_MP), torch.zeros_like(rows_MP)
        self.steps = 0

    @torch.no_grad()
    def step(self, gradients_MP: Tensor, rates_M: Tensor) -> Tensor:
        """Update the rows and return the norms of the gradients [M] before clipping. `gradients_MP` is used up."""
        self.steps += 1
        norms_M: Tensor = torch.linalg.vector_norm(gradients_MP, dim=1)
        self.alive_M &= norms_M.isfinite()
        scales_M = torch.clamp(self.clip_M / norms_M, max=1.0)
        rates_M = torch.where(self.alive_M, rates_M.to(self.rows_MP), 0.0)
        # One row after the other on a CPU: its temporaries stay in cache (3 times faster at 9 x 0.24M).
        group = 1 if self.rows_MP.device.type == "cpu" else len(self.rows_MP)
        for first in range(0, len(self.rows_MP), group):
            rows = slice(first, first + group)
            self._update(rows, gradients_MP[rows], scales_M[rows, None], rates_M[rows, None])
        return norms_M

    def _update(self, rows: slice, gradients_GP: Tensor, scales_G1: Tensor, rates_G1: Tensor) -> None:
        values_GP, mean_GP, square_GP = self.rows_MP[rows], self.mean_MP[rows], self.square_MP[rows]
        gradients_GP.mul_(scales_G1)
        # where, never a product: 0 x NaN would be NaN
        gradients_GP = torch.where(self.alive_M[rows, None], gradients_GP, 0.0)
        mean_GP.lerp_(gradients_GP, 1 - BETA1)
        square_GP.mul_(BETA2).addcmul_(gradients_GP, gradients_GP, value=1 - BETA2)
        values_GP[:, : self.decayed].mul_(1 - rates_G1 * self.weight_decay)
        root_GP = square_GP.sqrt().div_(math.sqrt(1 - BETA2**self.steps)).add_(EPS)
        values_GP.addcdiv_(mean_GP * (rates_G1 / (1 - BETA1**self.steps)), root_GP, value=-1.0)
