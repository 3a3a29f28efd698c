"""One training step of a batch of models: gradients, clip and AdamW, in the form that is fastest where they are.

fp32 on a CPU takes all of it model by model in one native call; all else takes the gradients of all models, and then
AdamW of all rows. Which one is taken depends on device and dtype alone, so that a run's bits do not depend on its batch.
Letters: M models, B sequences, T tokens of a sequence.
"""

from __future__ import annotations

from collections.abc import Callable

import scipy.linalg.cython_blas  # noqa: F401  # what the native form multiplies by; loaded now, so that limits of threads reach it
import torch
from torch import Tensor

from midmix.kernels.llama_gradients import Sizes
from midmix.kernels.llama_step import LlamaStep
from midmix.proxy_train.gradients import through_torch
from midmix.proxy_train.model import Models
from midmix.proxy_train.optimizer import BETA1, BETA2, EPS, AdamW
from midmix.proxy_train.rope import rotary
from midmix.proxy_train.shape import Shape

# From tokens and targets [M, B, T] and learning rates [M] to the mean losses [M] before the step, nats per token.
Update = Callable[[Tensor, Tensor, Tensor], Tensor]


def update_of(computing: Models, optimizer: AdamW, sequences: int, length: int) -> Update:
    """The form for batches of this size; `computing` are the models of `optimizer`, or their narrower shadows."""
    rows_MP = computing.rows_MP
    if rows_MP.device.type == "cpu" and rows_MP.dtype == torch.float32:
        return _native(computing, optimizer, sequences, length)
    gradients_MP = torch.empty_like(rows_MP)

    def update(tokens_MBT: Tensor, targets_MBT: Tensor, rates_M: Tensor) -> Tensor:
        losses_M = through_torch(computing, gradients_MP, tokens_MBT, targets_MBT)
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


def rotation_of(models: Models, length: int) -> tuple[Tensor, Tensor]:
    """Cosines and sines that turn queries and keys of sequences of `length` tokens."""
    shape = models.shape
    return rotary(length, shape.head_width, models.rows_MP, shape.rope_base, shape.rope_scaling)


def sizes_of(shape: Shape, sequences: int, length: int) -> Sizes:
    """What the native form has to know of a shape and of its batches."""
    return Sizes(
        layers=shape.layers, width=shape.width, feed_forward=shape.feed_forward, vocabulary=shape.vocabulary,
        heads=shape.heads, key_value_heads=shape.key_value_heads, head_width=shape.head_width, tied=shape.tied,
        embedding_factor=shape.embedding_factor, norm_eps=shape.norm_eps,
        offsets=[parameter.offset for parameter in shape.parameters()], sequences=sequences, length=length,
    )  # fmt: skip
