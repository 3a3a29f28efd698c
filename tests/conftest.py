"""What all tests share: hypothesis profiles without chance, and GPU tests skipped where there is no GPU."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile(
    "sample", max_examples=50, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("full", settings.get_profile("sample"), max_examples=500)
settings.load_profile("full" if os.environ.get("MIDMIX_FULL") else "sample")

GPU_TESTS = Path(__file__).parent / "gpu"
KERNEL_TESTS = GPU_TESTS / "kernels"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark everything under tests/gpu, and skip what is marked where torch sees no GPU.

    Triton's interpreter (TRITON_INTERPRET=1) stands in for a GPU in the tests of kernels.
    """
    for item in items:
        if GPU_TESTS in item.path.parents:
            item.add_marker(pytest.mark.gpu)
    interpreted = os.environ.get("TRITON_INTERPRET") == "1"
    needing = [
        item
        for item in items
        if item.get_closest_marker("gpu") and not (interpreted and KERNEL_TESTS in item.path.parents)
    ]
    if needing and not _has_gpu():
        for item in needing:
            item.add_marker(pytest.mark.skip(reason="torch sees no GPU"))


def _has_gpu() -> bool:
    import torch

    return torch.cuda.is_available()


@pytest.fixture(scope="session")
def repository() -> Path:
    """The root of the checkout."""
    return Path(__file__).parent.parent
