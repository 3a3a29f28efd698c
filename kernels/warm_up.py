"""Compile the kernels of the proxies' CPU form."""

from __future__ import annotations

import torch

from midmix.kernels.adamw import adamw_step
from midmix.kernels.llama_gradients import LlamaGradients, Sizes


def warm_up() -> None:
    """One step of one model of the smallest shape."""
    sizes = Sizes(
        layers=1, width=2, feed_forward=1, vocabulary=1, heads=1, key_value_heads=1, head_width=2, tied=True,
        embedding_factor=1.0, norm_eps=1e-6, offsets=(0, 2, 14, 18, 22, 24, 26, 28), sequences=1, length=1,
    )  # fmt: skip
    rows, gradients = torch.ones(1, 30), torch.empty(1, 30)
    tokens = torch.zeros((1, 1), dtype=torch.int64)
    LlamaGradients(sizes, (torch.ones(1, 1), torch.zeros(1, 1)))(rows, gradients, tokens, tokens)
    ones, state = torch.ones(1), (torch.zeros(1, 30), torch.zeros(1, 30))
    adamw_step(rows, *state, gradients, ones, ones, ones, ones > 0, torch.ones(2), 24, 0.9, 0.99, 1e-8)
