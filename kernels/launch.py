"""Where Triton's kernels can run: on CUDA, or on any device under Triton's interpreter."""

from __future__ import annotations

import importlib.util
import os

from torch import Tensor

HAS_TRITON = importlib.util.find_spec("triton") is not None
# Triton decides this when it decorates a kernel, so that a later change of the variable changes nothing.
INTERPRETED = HAS_TRITON and os.environ.get("TRITON_INTERPRET") == "1"


def can_launch(tensor: Tensor) -> bool:
    """Whether a Triton kernel can run on this tensor here."""
    return HAS_TRITON and (tensor.is_cuda or INTERPRETED)
