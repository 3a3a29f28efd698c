"""The row kernel against float64: no worse than torch in the same dtype, and nothing written outside its rows."""

from __future__ import annotations

import pytest
import torch

from midmix.kernels import softmax_cross_entropy as kernel
from midmix.kernels.launch import INTERPRETED

LARGE = [] if INTERPRETED else [(16, 50_432, 4096)]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
@pytest.mark.parametrize(
    ("rows", "columns", "block"), [(5, 7, 4096), (3, 1000, 128), (4, 257, 4096), (2, 64, 64), *LARGE]
)
def test_error_is_no_worse_than_torch(
    rows: int, columns: int, block: int, dtype: torch.dtype, device: torch.device, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kernel, "LARGEST_BLOCK", block)
    generator = torch.Generator().manual_seed(columns)
    canary = torch.full((rows + 1, columns + 3), 123.0, dtype=dtype, device=device)
    ours = canary[:rows, :columns]
    ours.copy_(torch.randn(rows, columns, generator=generator) * 4)
    targets = torch.randint(columns, (rows,), generator=generator).to(device)
    weights = torch.rand(rows, generator=generator).to(device)
    exact, torch_form = ours.double(), ours.clone()
    expected = kernel.softmax_cross_entropy_reference_(exact, targets, weights.double())
    torch_losses = kernel.softmax_cross_entropy_reference_(torch_form, targets, weights.to(dtype))
    assert kernel.is_supported(ours)
    losses = kernel.softmax_cross_entropy_(ours, targets, weights)
    assert (losses - expected).abs().max() <= (torch_losses - expected).abs().max() + 1e-5
    assert (ours - exact).abs().max() <= (torch_form - exact).abs().max() + 1e-6
    assert (canary[rows] == 123).all() and (canary[:, columns:] == 123).all()


def test_two_runs_are_bitwise_equal(device: torch.device) -> None:
    logits = torch.randn(6, 300, generator=torch.Generator().manual_seed(0)).to(device)
    targets, weights = torch.arange(6, device=device), torch.ones(6, device=device)
    first, second = logits.clone(), logits.clone()
    losses = [kernel.softmax_cross_entropy_(one, targets, weights) for one in (first, second)]
    assert torch.equal(losses[0], losses[1])
    assert torch.equal(first, second)
