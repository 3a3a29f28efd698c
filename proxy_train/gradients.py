"""Mean losses and gradients of a batch of models, in the form that is fastest where they are.

fp32 on a CPU takes the native form, one model after the other; all else goes through torch and autograd, all models in
one tensor. Which one is taken depends on device and dtype alone, so that a run's bits do not depend on its batch.
Letters: M models, B sequences, T tokens of a sequence, P parameters of a model, D width.
"""

from __future__ import annotations

from collections.abc import Callable

import scipy.linalg.cython_blas  # noqa: F401  # what the native form multiplies by; loaded now, so that limits of threads reach it
import torch
from torch import Tensor

from midmix.kernels.linear_cross_entropy import loss_and_gradients
from midmix.kernels.llama_gradients import LlamaGradients, Sizes
from midmix.proxy_train.model import Models
from midmix.proxy_train.rope import rotary
from midmix.proxy_train.shape import Shape

# Fills the rows of gradients [M, P] from tokens and targets [M, B, T] and gives the mean losses [M], nats per token.
Gradients = Callable[[Tensor, Tensor, Tensor], Tensor]


def gradients_of(models: Models, sequences: int, length: int) -> Gradients:
    """The form for these models and batches of this size."""
    rows_MP = models.rows_MP
    if not is_native(models):
        return lambda gradients_MP, tokens_MBT, targets_MBT: through_torch(
            models, gradients_MP, tokens_MBT, targets_MBT
        )
    native = LlamaGradients(sizes_of(models.shape, sequences, length), rotation_of(models, length))
    return lambda gradients_MP, tokens_MBT, targets_MBT: native(
        rows_MP, gradients_MP, tokens_MBT.flatten(1), targets_MBT.flatten(1)
    )


def is_native(models: Models) -> bool:
    """Whether the native form takes these models: fp32 on a CPU."""
    return models.rows_MP.device.type == "cpu" and models.rows_MP.dtype == torch.float32


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


def through_torch(models: Models, gradients_MP: Tensor, tokens_MBT: Tensor, targets_MBT: Tensor) -> Tensor:
    """Mean losses [M]; nothing here waits for the device, so that a CUDA graph can hold it."""
    targets_MN = targets_MBT.flatten(1)
    x_MND = models.embedded(tokens_MBT).requires_grad_()
    hidden_MND = models.hidden_of(x_MND, tokens_MBT.shape[2])
    even_MN = torch.full_like(
        targets_MN, 1 / targets_MN.shape[1], dtype=torch.promote_types(x_MND.dtype, torch.float32)
    )
    with torch.no_grad():
        loss_M, _, d_hidden_MND, d_head_MVD = loss_and_gradients(hidden_MND, models.head_MVD, targets_MN, even_MN)
    d_x_MND, *inner = torch.autograd.grad(hidden_MND, [x_MND, *models.inner], d_hidden_MND)
    _place(models, gradients_MP, tokens_MBT, d_x_MND, d_head_MVD, inner)
    return loss_M


def _place(
    models: Models, gradients_MP: Tensor, tokens_MBT: Tensor, d_x_MND: Tensor, d_head_MVD: Tensor, inner: list[Tensor]
) -> None:
    """Fill the rows of gradients. The embedding's is that of the head, if tied, and of the tokens of the batch.

    Adding those in place, in their order, saves two passes over the vocabulary.
    """
    count, width = d_x_MND.shape[0], d_x_MND.shape[2]
    size = models.shape.vocabulary * width
    head = 0 if models.shape.tied else size
    gradients_MP[:, :size] = 0
    gradients_MP[:, head : head + size] = d_head_MVD.flatten(1)
    torch.cat([gradient.flatten(1) for gradient in inner], 1, out=gradients_MP[:, head + size :])
    # every parameter is a multiple of the width, so that rows of all models are rows of one table
    first_M11 = torch.arange(count, device=tokens_MBT.device)[:, None, None] * (gradients_MP.shape[1] // width)
    d_tokens = d_x_MND.reshape(-1, width) * models.shape.embedding_factor
    gradients_MP.view(-1, width).index_add_(0, (tokens_MBT + first_M11).flatten(), d_tokens)
