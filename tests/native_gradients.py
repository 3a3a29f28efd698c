"""Native losses and gradients of a batch of models, one model after the other, for tests of kernels and proxies."""

from __future__ import annotations

import torch
from torch import Tensor

from midmix.kernels.launch import arrays
from midmix.kernels.llama_gradients import arguments, model_gradients
from midmix.proxy_train.model import Models
from midmix.proxy_train.update import rotation_of, sizes_of


def native_gradients(models: Models, tokens_MBT: Tensor, targets_MBT: Tensor) -> tuple[Tensor, Tensor]:
    """Mean losses [M] in nats per token, and gradients [M, P]."""
    # every value of a row has to be written
    gradients_MP = torch.full_like(models.rows_MP, torch.nan)
    shared = arguments(sizes_of(models.shape, *tokens_MBT.shape[1:]), rotation_of(models, tokens_MBT.shape[2]))
    rows = zip(*arrays(models.rows_MP, gradients_MP, tokens_MBT.flatten(1), targets_MBT.flatten(1)), strict=True)
    return torch.tensor([model_gradients(*row, *shared) for row in rows]), gradients_MP
