"""The native gradients of a batch of models beside autograd's in float64, for every kind of shape that a row can have."""

import numpy as np
import pytest
import torch
from native_gradients import native_gradients
from torch import Tensor

from midmix.kernels.linear_cross_entropy import linear_cross_entropy_reference
from midmix.kernels.llama_gradients import allocate
from midmix.proxy_train.model import Models
from midmix.proxy_train.rope_scaling import Scaling
from midmix.proxy_train.shape import Shape
from midmix.proxy_train.update import sizes_of

CPU = torch.device("cpu")
PLAIN = Shape(layers=2, width=16, feed_forward=24, heads=2, vocabulary=50)
FOREIGN = Shape(
    layers=3, width=24, feed_forward=20, heads=4, key_value_heads=2, head_width=8, vocabulary=103, tied=False,
    embedding_factor=1.0, norm_eps=1e-5, rope_base=5e5,
)  # fmt: skip


def _models(shape: Shape, count: int) -> Models:
    start = Models.start(shape, list(range(count)), device=CPU).rows_MP.detach()
    return Models(shape, start + 0.05 * torch.randn(start.shape, generator=torch.Generator().manual_seed(1)))


def _text(shape: Shape, *size: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(2)
    tokens, targets = (torch.randint(shape.vocabulary, size, generator=generator) for _ in range(2))
    return tokens, targets


def _exact(models: Models, tokens: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    """Losses and gradients through full logits and the autograd of every tensor, in float64."""
    exact = Models(models.shape, models.rows_MP.detach().double())
    width, vocabulary = exact.shape.width, exact.shape.vocabulary
    places = tokens + torch.arange(len(tokens))[:, None, None] * vocabulary
    table = exact.tensors["embedding"].reshape(-1, width)
    x = torch.nn.functional.embedding(places, table).view(len(tokens), -1, width) * exact.shape.embedding_factor
    hidden = exact.hidden_of(x, tokens.shape[2])
    even = torch.full(hidden.shape[:2], 1 / hidden.shape[1], dtype=torch.float64)
    losses, _ = linear_cross_entropy_reference(hidden, exact.head_MVD, targets.flatten(1), even)
    gradients = torch.autograd.grad(losses.sum(), list(exact.tensors.values()))
    return losses.detach(), torch.cat([gradient.flatten(1) for gradient in gradients], 1)


# 150 tokens are more than two blocks of queries; one sequence of one token attends to itself alone
@pytest.mark.parametrize("size", [(2, 12), (2, 150), (1, 1)])
@pytest.mark.parametrize("shape", [PLAIN, FOREIGN])
def test_losses_and_gradients_equal_autograd_in_float64(shape: Shape, size: tuple[int, int]) -> None:
    models, (tokens, targets) = _models(shape, 3), _text(shape, 3, *size)
    losses, gradients = native_gradients(models, tokens, targets)
    exact_losses, exact = _exact(models, tokens, targets)
    assert (losses - exact_losses).abs().max() < 2e-6
    for p in shape.parameters():
        mine, theirs = (rows[:, p.offset : p.offset + p.size] for rows in (gradients, exact))
        assert (mine - theirs).norm() <= 1e-5 * theirs.norm() + 1e-7, p.name


def test_logits_in_several_blocks_give_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    models, (tokens, targets) = _models(PLAIN, 2), _text(PLAIN, 2, 3, 30)
    whole = native_gradients(models, tokens, targets)
    monkeypatch.setattr("midmix.kernels.llama_gradients._LOGIT_BYTES", 40 * 4 * PLAIN.vocabulary)
    assert len(allocate(sizes_of(PLAIN, 3, 30)).losses_C) == 32
    for one, other in zip(whole, native_gradients(models, tokens, targets), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-7)


def test_a_model_is_bitwise_the_same_alone_and_beside_one_of_nan() -> None:
    models, (tokens, targets) = _models(PLAIN, 3), _text(PLAIN, 3, 2, 12)
    losses, gradients = native_gradients(models, tokens, targets)
    with torch.no_grad():
        models.rows_MP[1] = torch.nan
    beside = native_gradients(models, tokens, targets)
    alone = native_gradients(Models(PLAIN, models.rows_MP[2:].detach().clone()), tokens[2:], targets[2:])
    assert torch.equal(losses[[0, 2]], beside[0][[0, 2]]) and torch.equal(gradients[[0, 2]], beside[1][[0, 2]])
    assert torch.equal(losses[2:], alone[0]) and torch.equal(gradients[2:], alone[1])
    assert beside[0][1].isnan() and beside[1][1].isnan().any()


def test_scaled_positions_are_those_of_the_model() -> None:
    scaling = Scaling(kind="linear", factor=4.0)
    shape = Shape(layers=1, width=16, feed_forward=8, heads=2, vocabulary=20, rope_base=100.0, rope_scaling=scaling)
    models, (tokens, targets) = _models(shape, 1), _text(shape, 1, 1, 20)
    losses, _ = native_gradients(models, tokens, targets)
    np.testing.assert_allclose(losses, _exact(models, tokens, targets)[0], rtol=1e-6)
