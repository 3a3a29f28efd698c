import math

import torch

from midmix.kernels.loss_sums import is_supported, loss_sums


def test_exact_tiny_values() -> None:
    losses = torch.tensor([[1.0, 2.0, 4.0, 8.0], [0.5, 0.25, 0.0, 0.125]])
    domains = torch.tensor([[0, 2, 0, -1], [2, 2, 3, 0]])
    sums, counts = loss_sums(losses, domains, 3)
    assert sums.tolist() == [[5.0, 0.0, 2.0], [0.125, 0.0, 0.75]]
    assert counts.tolist() == [[2, 0, 1], [1, 0, 2]]


def test_domains_add_up_to_the_model() -> None:
    losses = torch.rand(3, 200, generator=torch.Generator().manual_seed(0))
    domains = torch.randint(7, (3, 200), generator=torch.Generator().manual_seed(1))
    sums, counts = loss_sums(losses, domains, 7)
    torch.testing.assert_close(sums.sum(1), losses.double().sum(1), rtol=1e-14, atol=0.0)
    assert counts.sum(1).tolist() == [200] * 3


def test_a_loss_of_nan_reaches_its_own_domain_alone() -> None:
    losses = torch.tensor([[1.0, math.nan, 3.0], [1.0, 1.0, math.inf]])
    sums, counts = loss_sums(losses, torch.tensor([[0, 1, 0], [0, 1, 2]]), 3)
    assert sums[0, 0] == 4.0 and sums[0, 1].isnan() and sums[0, 2] == 0.0
    assert sums[1].tolist() == [1.0, 1.0, math.inf]
    assert counts.tolist() == [[2, 1, 0], [1, 1, 1]]


def test_the_operator_is_what_it_tells_the_compiler() -> None:
    torch.library.opcheck(loss_sums, (torch.rand(2, 5), torch.zeros(2, 5, dtype=torch.int64), 3))


def test_the_triton_form_is_for_cuda_alone() -> None:
    assert not is_supported(torch.zeros(2, 3))
