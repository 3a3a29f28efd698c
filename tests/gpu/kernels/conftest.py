"""Kernels run on a GPU, or with TRITON_INTERPRET=1 on the CPU, where tests/unit/kernels starts these tests."""

from __future__ import annotations

import pytest
import torch

from midmix.kernels.launch import HAS_TRITON, INTERPRETED


@pytest.fixture(scope="session")
def device() -> torch.device:
    """Where the kernels run."""
    if not HAS_TRITON:
        pytest.skip("triton is not installed")
    return torch.device("cpu" if INTERPRETED else "cuda")
