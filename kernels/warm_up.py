"""Compile the kernels of the proxies' CPU form."""

from __future__ import annotations

import torch

from midmix.kernels.adamw import adamw_numba_
from midmix.kernels.llama_gradients import Sizes
from midmix.kernels.llama_step import LlamaStep
from midmix.kernels.softmax_cross_entropy import softmax_cross_entropy_


def warm_up() -> None:
    """One step of one model of the smallest shape, and what a step in torch takes in its place."""
    sizes = Sizes(
        layers=1, width=2, feed_forward=1, vocabulary=1, heads=1, key_value_heads=1, head_width=2, tied=True,
        embedding_factor=1.0, norm_eps=1e-6, offsets=(0, 2, 14, 18, 22, 24, 26, 28), sequences=1, length=1,
    )  # fmt: skip
    tokens, ones, alive = torch.zeros((1, 1), dtype=torch.int64), torch.ones(1), torch.ones(1, dtype=torch.bool)
    rows, means, squares = torch.ones(1, 30), torch.zeros(1, 30), torch.zeros(1, 30)
    step = LlamaStep(sizes, (torch.ones(1, 1), torch.zeros(1, 1)), decayed=24, beta1=0.9, beta2=0.99, eps=1e-8)
    step((rows, means, squares), (ones, ones, ones), alive, 1, tokens, tokens)
    hyper = (ones, ones, ones, alive, torch.ones(2))
    adamw_numba_(rows, means, squares, torch.ones(1, 30), *hyper, 24, 0.9, 0.99, 1e-8, None)
    softmax_cross_entropy_(torch.zeros(1, 2), tokens[0], ones)
