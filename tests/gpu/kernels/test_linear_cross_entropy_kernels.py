"""The fused linear cross-entropy against float64: no worse than torch in the same dtype, and the same bits twice.

Letters: M models, N tokens, D width, V vocabulary.
"""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from midmix.kernels.launch import INTERPRETED
from midmix.kernels.linear_cross_entropy import (
    linear_cross_entropy,
    linear_cross_entropy_chunked,
    linear_cross_entropy_reference,
    linear_cross_entropy_values,
)
from midmix.kernels.linear_cross_entropy_fused import LARGEST_WIDTH, is_supported, linear_cross_entropy_fused

# The interpreter multiplies bfloat16 as bit patterns (triton-lang/triton#11584); a GPU is given no fp32 (cuBLAS is).
DTYPES = [torch.float32, torch.float16] if INTERPRETED else [torch.float16, torch.bfloat16]
# What the error may exceed torch's by: other orders of sums in fp32, and one rounding of the result.
TOLERANCE = {torch.float32: 1e-6, torch.float16: 5e-4, torch.bfloat16: 4e-3}
# No size a multiple of a tile; widths of one piece, below one, and of two.
SHAPES = [(2, 33, 40, 70), (1, 70, 24, 131), (3, 5, 7, 3), (1, 20, 300, 40)]
LARGE = [] if INTERPRETED else [(4, 1000, 256, 5003), (2, 333, 384, 2500), (3, 129, 128, 50_432)]
Case = tuple[Tensor, Tensor, Tensor, Tensor]


def _case(shape: tuple[int, int, int, int], dtype: torch.dtype, device: torch.device) -> Case:
    models, tokens, width, vocabulary = shape
    generator = torch.Generator().manual_seed(tokens)
    hidden = torch.randn(models, tokens, width, generator=generator)
    head = torch.randn(models, vocabulary, width, generator=generator) * 2 * width**-0.5
    targets = torch.randint(vocabulary, (models, tokens), generator=generator)
    weights = torch.rand(models, tokens, generator=generator)
    weights[:, 0] = 0.0
    return hidden.to(device, dtype), head.to(device, dtype), targets.to(device), weights.to(device)


def _autograd(hidden: Tensor, head: Tensor, targets: Tensor, weights: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    leaves = [hidden.detach().requires_grad_(), head.detach().requires_grad_()]
    loss, nll = linear_cross_entropy_reference(*leaves, targets, weights)
    d_hidden, d_head = torch.autograd.grad(loss.sum(), leaves)
    return nll.detach(), d_hidden, d_head


def _error(results: tuple[Tensor, ...], truths: tuple[Tensor, ...]) -> list[float]:
    """Root mean square errors, relative to those of the truth."""
    pairs = zip(results, truths, strict=True)
    return [((one.double() - truth).norm() / truth.norm()).item() for one, truth in pairs]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES + LARGE)
def test_error_is_no_worse_than_torch(
    shape: tuple[int, int, int, int], dtype: torch.dtype, device: torch.device
) -> None:
    hidden, head, targets, weights = _case(shape, dtype, device)
    truth = _autograd(hidden.double(), head.double(), targets, weights.double())
    allowed = _error(_autograd(hidden, head, targets, weights.to(dtype)), truth)
    ours = _error(linear_cross_entropy_fused(hidden, head, targets, weights), truth)
    for error, torch_error in zip(ours, allowed, strict=True):
        assert error <= torch_error + TOLERANCE[dtype], (ours, allowed)


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_operator_takes_the_fused_form_for_small_widths(dtype: torch.dtype, device: torch.device) -> None:
    hidden, head, targets, weights = _case((2, 20, 16, 33), dtype, device)
    hidden.requires_grad_()
    head.requires_grad_()
    loss, nll = linear_cross_entropy(hidden, head, targets, weights)
    expected = linear_cross_entropy_fused(hidden.detach(), head.detach(), targets, weights)
    gradients = torch.autograd.grad(loss @ torch.tensor([1.0, 2.0], device=device), [hidden, head])
    assert torch.equal(nll, expected[0])
    assert torch.equal(loss.detach(), (expected[0] * weights).sum(1))
    for gradient, full in zip(gradients, expected[1:], strict=True):
        assert torch.equal(gradient[0], full[0])
        assert torch.equal(gradient[1], full[1] * 2)
    assert torch.equal(linear_cross_entropy_values(hidden, head, targets), expected[0])


@pytest.mark.parametrize("width", [LARGEST_WIDTH + 16, 24])
def test_large_and_odd_widths_are_chunked(width: int, device: torch.device) -> None:
    hidden, head, targets, weights = _case((1, 9, width, 20), torch.float16, device)
    assert not is_supported(hidden, head)
    chunked = linear_cross_entropy_chunked(hidden, head, targets, weights, 16)
    truth = _autograd(hidden.double(), head.double(), targets, weights.double())
    for error in _error(chunked, truth):
        assert error < 2e-3


def test_two_runs_are_bitwise_equal_and_a_model_is_the_same_alone(device: torch.device) -> None:
    case = _case((2, 70, 24, 131), torch.float16, device)
    first, second = (linear_cross_entropy_fused(*case) for _ in range(2))
    hidden, head, targets, weights = (tensor[1:] for tensor in case)
    alone = linear_cross_entropy_fused(hidden, head, targets, weights)
    for one, other, last in zip(first, second, alone, strict=True):
        assert torch.equal(one, other)
        assert torch.equal(one[1:], last)


def test_a_token_of_nan_stays_in_its_row_and_in_its_model(device: torch.device) -> None:
    hidden, head, targets, weights = _case((3, 20, 16, 33), torch.float16, device)
    poisoned = hidden.clone()
    poisoned[1, 3] = torch.nan
    clean = linear_cross_entropy_fused(hidden, head, targets, weights)
    dirty = linear_cross_entropy_fused(poisoned, head, targets, weights)
    for one, other in zip(clean, dirty, strict=True):
        assert torch.equal(one[[0, 2]], other[[0, 2]])
    others = [n for n in range(20) if n != 3]
    for one, other in zip(clean[:2], dirty[:2], strict=True):
        assert torch.equal(one[1, others], other[1, others])
        assert other[1, 3].isnan().all()
    assert dirty[2][1].isnan().all()


def test_large_logits_stay_finite(device: torch.device) -> None:
    hidden = torch.full((1, 1, 1), 300.0, dtype=torch.float16, device=device)
    head = torch.tensor([[[1.0], [-1.0]]], dtype=torch.float16, device=device)
    targets, weights = torch.tensor([[1]], device=device), torch.ones(1, 1, device=device)
    nll, d_hidden, d_head = linear_cross_entropy_fused(hidden, head, targets, weights)
    assert nll.item() == 600.0
    assert d_hidden.item() == 2.0
    assert d_head.flatten().tolist() == [300.0, -300.0]


def test_logits_far_below_zero_meet_no_padding(device: torch.device) -> None:
    hidden = torch.full((1, 3, 1), -200.0, dtype=torch.float16, device=device)
    head = torch.ones(1, 5, 1, dtype=torch.float16, device=device)
    targets, weights = torch.tensor([[0, 1, 2]], device=device), torch.ones(1, 3, device=device)
    nll, d_hidden, d_head = linear_cross_entropy_fused(hidden, head, targets, weights)
    torch.testing.assert_close(nll, torch.full_like(nll, 5.0).log())
    assert d_hidden.abs().max() < 1e-3
    torch.testing.assert_close(d_head[0, :, 0].float().cpu(), torch.tensor([80.0, 80.0, 80.0, -120.0, -120.0]))
