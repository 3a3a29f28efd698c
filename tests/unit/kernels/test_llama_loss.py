import numpy as np
import pytest
import torch

from midmix.kernels.llama_gradients import allocate
from midmix.kernels.llama_loss import head_loss
from midmix.kernels.small_products import unpacked_rows
from midmix.proxy_train.shape import Shape
from midmix.proxy_train.update import sizes_of

SHAPE = Shape(layers=1, width=64, feed_forward=8, heads=1, vocabulary=700)


# the vocabulary in two parts; tokens in two blocks as well
@pytest.mark.parametrize("block", [40, 32])
def test_loss_and_gradients_equal_float64(block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("midmix.kernels.llama_gradients._LOGIT_BYTES", 4 * SHAPE.vocabulary * block)
    work = allocate(sizes_of(SHAPE, 1, 40))
    assert len(work.losses_C) == block // 16 * 16 and unpacked_rows(700, len(work.losses_C), 64) < 700
    generator = torch.Generator().manual_seed(0)
    hidden, head = torch.randn(40, 64, generator=generator), torch.randn(700, 64, generator=generator)
    targets = torch.randint(700, (40,), generator=generator)
    d_hidden, d_head = torch.full_like(hidden, torch.nan), torch.full_like(head, torch.nan)
    loss = head_loss(*(x.numpy() for x in (hidden, head, targets, d_hidden, d_head)), work)
    exact = [x.double().requires_grad_() for x in (hidden, head)]
    exact_loss = torch.nn.functional.cross_entropy(exact[0] @ exact[1].T, targets)
    exact_loss.backward()
    assert loss == pytest.approx(exact_loss.item(), rel=1e-6)
    for mine, theirs in zip((d_hidden, d_head), exact, strict=True):
        np.testing.assert_allclose(mine, theirs.grad, rtol=1e-4, atol=1e-6)
