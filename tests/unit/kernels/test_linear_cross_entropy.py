import math

import pytest
import torch
from torch import Tensor

from midmix.kernels.linear_cross_entropy import (
    block_tokens,
    linear_cross_entropy,
    linear_cross_entropy_reference,
    linear_cross_entropy_values,
)


def _case(
    models: int, tokens: int, width: int, vocabulary: int, dtype: torch.dtype = torch.float64
) -> tuple[Tensor, ...]:
    generator = torch.Generator().manual_seed(models * 1000 + tokens)
    hidden = torch.randn(models, tokens, width, generator=generator, dtype=dtype).requires_grad_()
    head = torch.randn(models, vocabulary, width, generator=generator, dtype=dtype).requires_grad_()
    targets = torch.randint(vocabulary, (models, tokens), generator=generator)
    weights = torch.rand(models, tokens, generator=generator, dtype=dtype)
    weights[:, 0] = 0.0
    return hidden, head, targets, weights


@pytest.mark.parametrize(
    ("models", "tokens", "width", "vocabulary", "block"), [(1, 5, 3, 7, 2), (3, 33, 8, 50, 16), (2, 4, 4, 9, 64)]
)
def test_losses_and_gradients_equal_full_logits(
    models: int, tokens: int, width: int, vocabulary: int, block: int
) -> None:
    hidden, head, targets, weights = _case(models, tokens, width, vocabulary)
    upstream = torch.linspace(0.5, 2.0, models, dtype=torch.float64)
    results = []
    for loss, nll in (
        linear_cross_entropy(hidden, head, targets, weights, block=block),
        linear_cross_entropy_reference(hidden, head, targets, weights),
    ):
        results.append((loss, nll, *torch.autograd.grad((loss * upstream).sum(), [hidden, head])))
    for ours, expected in zip(*results, strict=True):
        torch.testing.assert_close(ours, expected, rtol=1e-12, atol=1e-12)


def test_gradients_match_finite_differences() -> None:
    hidden, head, targets, weights = _case(2, 6, 3, 5)

    def loss(hidden: Tensor, head: Tensor) -> Tensor:
        return linear_cross_entropy(hidden, head, targets, weights, block=4)[0]

    assert torch.autograd.gradcheck(loss, (hidden, head))


def test_equal_logits_cost_the_log_of_the_vocabulary() -> None:
    targets = torch.tensor([[0, 2, 4]])
    weights = torch.tensor([[1.0, 2.0, 0.0]], dtype=torch.float64)
    hidden, head = torch.zeros(1, 3, 2, dtype=torch.float64), torch.ones(1, 5, 2, dtype=torch.float64)
    loss, nll = linear_cross_entropy(hidden, head, targets, weights)
    torch.testing.assert_close(nll, torch.full((1, 3), math.log(5), dtype=torch.float64))
    torch.testing.assert_close(loss, torch.tensor([3 * math.log(5)], dtype=torch.float64))


def test_a_model_of_nan_leaves_the_others_bitwise_alone() -> None:
    hidden, head, targets, weights = _case(3, 20, 4, 11, torch.float32)
    poisoned = hidden.detach().clone()
    poisoned[1, 3] = torch.nan
    poisoned.requires_grad_()
    results = []
    for one in (hidden, poisoned):
        loss, nll = linear_cross_entropy(one, head, targets, weights, block=16)
        results.append((loss, nll, *torch.autograd.grad(loss.sum(), [one, head])))
    for clean, dirty in zip(*results, strict=True):
        assert torch.equal(clean[[0, 2]], dirty[[0, 2]])
        assert dirty[1].isnan().any()


def test_a_batch_equals_its_models_alone_bitwise() -> None:
    hidden, head, targets, weights = _case(3, 40, 8, 30, torch.float32)
    together = linear_cross_entropy(hidden, head, targets, weights)[1]
    for m in range(3):
        one = slice(m, m + 1)
        alone = linear_cross_entropy(hidden[one], head[one], targets[one], weights[one])[1]
        assert torch.equal(together[one], alone)


def test_large_logits_stay_finite() -> None:
    hidden, head = torch.full((1, 1, 1), 300.0), torch.tensor([[[1.0], [-1.0]]])
    _, nll = linear_cross_entropy(hidden, head, torch.tensor([[1]]), torch.ones(1, 1))
    assert nll.item() == 600.0


def test_values_without_gradients_are_the_same() -> None:
    hidden, head, targets, weights = _case(2, 50, 8, 40)
    expected = linear_cross_entropy_reference(hidden, head, targets, weights)[1]
    torch.testing.assert_close(linear_cross_entropy_values(hidden, head, targets), expected, rtol=1e-12, atol=1e-12)


def test_the_operators_are_what_they_tell_the_compiler() -> None:
    hidden, head, targets, weights = _case(2, 6, 3, 5)
    torch.library.opcheck(torch.ops.midmix.linear_cross_entropy.default, (hidden, head, targets, weights, 4))
    torch.library.opcheck(linear_cross_entropy_values, (hidden.detach(), head.detach(), targets))


def test_losses_and_gradients_are_bitwise_the_same_inside_a_compiled_function() -> None:
    hidden, head, targets, weights = _case(2, 40, 8, 30, torch.float32)

    def loss(hidden: Tensor, head: Tensor) -> Tensor:
        return linear_cross_entropy(hidden * 2, head, targets, weights)[0].sum()

    # the graph and its gradient are traced; turning them into machine code would take a minute and tell no more
    compiled = torch.compile(loss, backend="aot_eager", fullgraph=True)
    for ours, expected in zip(
        torch.autograd.grad(compiled(hidden, head), [hidden, head]),
        torch.autograd.grad(loss(hidden, head), [hidden, head]),
        strict=True,
    ):
        assert torch.equal(ours, expected)


def test_blocks_keep_logits_in_a_core_s_cache() -> None:
    hidden = torch.zeros(5, 7, 4)
    assert block_tokens(hidden, 2048) == 256
    assert block_tokens(hidden, 10**9) == 16


def test_losses_of_narrow_hidden_states_are_wide() -> None:
    hidden, head, targets, weights = _case(2, 50, 8, 40)
    narrow = linear_cross_entropy_values(hidden.bfloat16(), head.bfloat16(), targets)
    assert narrow.dtype == torch.float32
    expected = linear_cross_entropy_reference(hidden, head, targets, weights)[1]
    torch.testing.assert_close(narrow.double(), expected, rtol=0.05, atol=0.1)
