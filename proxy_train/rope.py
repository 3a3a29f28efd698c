"""Rotary positions as Llama has them.

Letters: T positions, K width of a head.
"""

from __future__ import annotations

import torch
from torch import Tensor

from midmix.proxy_train.rope_scaling import Scaling


def rotary(length: int, head_width: int, like: Tensor, base: float, scaling: Scaling | None) -> tuple[Tensor, Tensor]:
    """Cosine and sine [T, K/2] of the rotary angles, on the device and in the dtype of `like`."""
    steps = torch.arange(0, head_width, 2, dtype=torch.float64) / head_width
    frequencies = base**-steps
    if scaling is not None:
        frequencies = scaling.scaled(frequencies)
    angles = torch.outer(torch.arange(length, dtype=torch.float64), frequencies)
    return angles.cos().to(like), angles.sin().to(like)


def rotate(x: Tensor, rotation: tuple[Tensor, Tensor]) -> Tensor:
    """`x` [..., T, K] with every pair (first half, second half) turned by its position's angle, as in Llama."""
    cosine, sine = rotation
    first, second = x.chunk(2, -1)
    return torch.cat([first * cosine - second * sine, first * sine + second * cosine], -1)
