import torch

from midmix.kernels.softmax_cross_entropy import is_supported, softmax_cross_entropy_reference_


def test_reference_gives_losses_and_the_gradient_in_place() -> None:
    generator = torch.Generator().manual_seed(1)
    logits = torch.randn(6, 9, generator=generator, dtype=torch.float64).requires_grad_()
    targets, weights = torch.tensor([0, 8, 3, 3, 1, 7]), torch.rand(6, generator=generator, dtype=torch.float64)
    expected = torch.nn.functional.cross_entropy(logits, targets, reduction="none")
    (gradient,) = torch.autograd.grad((expected * weights).sum(), logits)
    used = logits.detach().clone()
    losses = softmax_cross_entropy_reference_(used, targets, weights)
    torch.testing.assert_close(losses, expected.detach(), rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(used, gradient, rtol=1e-12, atol=1e-12)


def test_exact_tiny_values() -> None:
    logits = torch.tensor([[0.0, 0.0], [0.0, 0.0]], dtype=torch.float64)
    losses = softmax_cross_entropy_reference_(
        logits, torch.tensor([0, 1]), torch.tensor([1.0, 4.0], dtype=torch.float64)
    )
    assert logits.tolist() == [[-0.5, 0.5], [2.0, -2.0]]
    torch.testing.assert_close(losses, torch.log(torch.tensor([2.0, 2.0], dtype=torch.float64)))


def test_weights_may_be_wider_than_the_logits() -> None:
    logits = torch.zeros(2, 4, dtype=torch.bfloat16)
    softmax_cross_entropy_reference_(logits, torch.tensor([0, 3]), torch.tensor([1.0, 8.0]))
    assert logits.tolist() == [[-0.75, 0.25, 0.25, 0.25], [2.0, 2.0, 2.0, -6.0]]


def test_the_triton_form_is_for_cuda_alone() -> None:
    assert not is_supported(torch.zeros(2, 3))
