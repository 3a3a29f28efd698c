"""One training step of a batch of models: gradients, clip and AdamW, in the form that is fastest where they are.

fp32 on a CPU takes all of it model by model in one native call; all else takes the gradients of all models, and then
AdamW of all rows. Letters: M models, B sequences, T tokens of a sequence.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from midmix.kernels.llama_step import LlamaStep
from midmix.proxy_train.gradients import gradients_of, is_native, rotation_of, sizes_of
from midmix.proxy_train.model import Models
from midmix.proxy_train.optimizer import BETA1, BETA2, EPS, AdamW

# From tokens and targets [M, B, T] and learning rates [M] to the mean losses [M] before the step, nats per token.
Update = Callable[[Tensor, Tensor, Tensor], Tensor]


def update_of(computing: Models, optimizer: AdamW, sequences: int, length: int) -> Update:
    """The form for batches of this size; `computing` are the models of `optimizer`, or their narrower shadows."""
    if is_native(computing):
        return _native(computing, optimizer, sequences, length)
    differentiate = gradients_of(computing, sequences, length)
    gradients_MP = torch.empty_like(computing.rows_MP)

    def update(tokens_MBT: Tensor, targets_MBT: Tensor, rates_M: Tensor) -> Tensor:
        losses_M = differentiate(gradients_MP, tokens_MBT, targets_MBT)
        optimizer.step(gradients_MP, rates_M)
        return losses_M

    return update


def _native(models: Models, optimizer: AdamW, sequences: int, length: int) -> Update:
    step = LlamaStep(
        sizes_of(models.shape, sequences, length), rotation_of(models, length), decayed=optimizer.decayed,
        beta1=BETA1, beta2=BETA2, eps=EPS,
    )  # fmt: skip
    state = (models.rows_MP, optimizer.mean_MP, optimizer.square_MP)

    def update(tokens_MBT: Tensor, targets_MBT: Tensor, rates_M: Tensor) -> Tensor:
        optimizer.count += 1
        hyper = (rates_M, optimizer.decays_M, optimizer.clip_M)
        return step(state, hyper, optimizer.alive_M, optimizer.steps, tokens_MBT.flatten(1), targets_MBT.flatten(1))

    return update
