"""Mean losses and gradients of a batch of models through torch and autograd, all models in one tensor.

Letters: M models, B sequences, T tokens of a sequence, N = B x T, P parameters of a model, D width.
"""

from __future__ import annotations

import torch
from torch import Tensor

from midmix.kernels.linear_cross_entropy import loss_and_gradients
from midmix.proxy_train.model import Models


def through_torch(models: Models, gradients_MP: Tensor, tokens_MBT: Tensor, targets_MBT: Tensor) -> Tensor:
    """Fill `gradients_MP` from tokens and targets [M, B, T]; returns the mean losses [M] in nats per token.

    Nothing here waits for the device, so that a CUDA graph can hold it.
    """
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
