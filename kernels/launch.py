"""Which form of a kernel can run where: Triton's on CUDA (or under its interpreter), numba's on a CPU."""

from __future__ import annotations

import importlib.util
import os
from typing import Any

import torch
from torch import Tensor

HAS_TRITON = importlib.util.find_spec("triton") is not None
# Triton decides this when it decorates a kernel, so that a later change of the variable changes nothing.
INTERPRETED = HAS_TRITON and os.environ.get("TRITON_INTERPRET") == "1"


def can_launch(tensor: Tensor) -> bool:
    """Whether a Triton kernel can run on this tensor here."""
    return HAS_TRITON and (tensor.is_cuda or INTERPRETED)


def can_vectorize(*tensors: Tensor) -> bool:
    """Whether numba's form takes these: fp32 on a CPU, contiguous, and nobody is tracing what torch does with them."""
    return not torch.compiler.is_compiling() and all(
        tensor.device.type == "cpu" and tensor.dtype == torch.float32 and tensor.is_contiguous() for tensor in tensors
    )


def arrays(*tensors: Tensor) -> tuple[Any, ...]:
    """The same memory as arrays of numpy, for kernels of numba."""
    return tuple(tensor.detach().numpy() for tensor in tensors)
