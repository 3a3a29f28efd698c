"""Sums of losses by Triton: those of torch, nothing lost or counted twice, and the same bits twice."""

from __future__ import annotations

import pytest
import torch

from midmix.kernels.loss_sums import is_supported, loss_sums, loss_sums_reference

# No size a multiple of a tile, then one token, and domains without any.
SHAPES = [(3, 301, 11), (1, 1, 1), (2, 40, 20)]


@pytest.mark.parametrize("shape", SHAPES)
def test_sums_and_counts_are_those_of_torch(shape: tuple[int, int, int], device: torch.device) -> None:
    models, tokens, num_domains = shape
    losses = (torch.rand(models, tokens, generator=torch.Generator().manual_seed(1)) * 9).to(device)
    domains = torch.randint(-1, num_domains + 1, (models, tokens), generator=torch.Generator().manual_seed(2))
    domains = domains.to(device)
    assert is_supported(losses)
    sums, counts = loss_sums(losses, domains, num_domains)
    expected_sums, expected_counts = loss_sums_reference(losses, domains, num_domains)
    assert torch.equal(counts, expected_counts)
    torch.testing.assert_close(sums, expected_sums, rtol=1e-14, atol=0.0)
    assert torch.equal(loss_sums(losses, domains, num_domains)[0], sums)


def test_a_loss_of_nan_reaches_its_own_domain_alone(device: torch.device) -> None:
    losses = torch.ones(2, 300, device=device)
    losses[0, 5] = torch.nan
    domains = (torch.arange(300, device=device) % 3).expand(2, -1)
    sums, counts = loss_sums(losses, domains, 3)
    assert sums[0].isnan().tolist() == [False, False, True]
    assert sums[1].tolist() == [100.0] * 3
    assert counts.tolist() == [[100] * 3] * 2
