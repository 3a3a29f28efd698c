"""A native step beside native gradients and torch's own clip and AdamW in float64, and what a dead model leaves alone."""

import pytest
import torch
from native_gradients import native_gradients
from torch import Tensor

from midmix.kernels.llama_step import LlamaStep
from midmix.proxy_train.model import Models
from midmix.proxy_train.shape import Shape
from midmix.proxy_train.update import rotation_of, sizes_of

SHAPE = Shape(layers=2, width=16, feed_forward=24, heads=2, vocabulary=50)
BETAS, EPS = (0.9, 0.99), 1e-8
RATES, DECAYS, CLIPS = torch.tensor([0.01, 0.03, 0.02]), torch.tensor([0.1, 0.0, 0.2]), torch.tensor([1e9, 0.1, 1.0])
SIZE = (2, 12)


def _models() -> Models:
    return Models.start(SHAPE, [0, 1, 2], device=torch.device("cpu"))


def _text(number: int, models: int = 3) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(number)
    tokens, targets = (torch.randint(SHAPE.vocabulary, (3, *SIZE), generator=generator) for _ in range(2))
    return tokens[:models], targets[:models]


class _Native:
    """Models with their moments, and a step of them."""

    def __init__(self, models: Models) -> None:
        self.models = models
        self.moments = torch.zeros_like(models.rows_MP), torch.zeros_like(models.rows_MP)
        self.alive = torch.ones(len(models.rows_MP), dtype=torch.bool)
        self._step = LlamaStep(
            sizes_of(SHAPE, *SIZE), rotation_of(models, SIZE[1]), decayed=SHAPE.num_decayed, beta1=BETAS[0],
            beta2=BETAS[1], eps=EPS,
        )  # fmt: skip

    def step(self, number: int) -> Tensor:
        count = len(self.alive)
        hyper = (RATES[:count], DECAYS[:count], CLIPS[:count])
        text = (x.flatten(1) for x in _text(number, count))
        return self._step((self.models.rows_MP, *self.moments), hyper, self.alive, number, *text)


def test_each_model_steps_as_by_torch_with_its_own_rate_decay_and_clip() -> None:
    native = _Native(_models())
    peers = [row.detach().double() for row in native.models.rows_MP]
    parts = [[row[: SHAPE.num_decayed].requires_grad_(), row[SHAPE.num_decayed :].requires_grad_()] for row in peers]
    optimizers = [
        torch.optim.AdamW(
            [{"params": [decayed], "weight_decay": float(DECAYS[m])}, {"params": [free], "weight_decay": 0.0}],
            lr=float(RATES[m]), betas=BETAS, eps=EPS,
        )
        for m, (decayed, free) in enumerate(parts)
    ]  # fmt: skip
    for number in range(1, 4):
        # gradients where the native form stands, so that what is compared is the clip and AdamW
        losses, gradients = native_gradients(native.models, *_text(number))
        assert torch.equal(native.step(number), losses)
        for m, (decayed, free) in enumerate(parts):
            decayed.grad, free.grad = gradients[m].double().split([len(decayed), len(free)])
            torch.nn.utils.clip_grad_norm_([decayed, free], float(CLIPS[m]))
            optimizers[m].step()
    for m in range(3):
        torch.testing.assert_close(
            native.models.rows_MP[m].detach().double(), torch.cat(parts[m]), rtol=1e-4, atol=1e-6
        )
    assert native.alive.all()


@pytest.mark.parametrize("bad", [torch.nan, 1e30])
def test_a_model_without_finite_gradients_dies_as_it_is_and_the_others_stay_bitwise_the_same(bad: float) -> None:
    clean, dirty = _Native(_models()), _Native(_models())
    clean.step(1), dirty.step(1)
    good = dirty.models.rows_MP.detach()[1].clone()
    with torch.no_grad():
        dirty.models.rows_MP[1] = bad
    before = [tensor[1].clone() for tensor in dirty.moments]
    clean.step(2), dirty.step(2)
    assert dirty.alive.tolist() == [True, False, True]
    with torch.no_grad():
        dirty.models.rows_MP[1] = good
    clean.step(3), dirty.step(3)
    assert dirty.alive.tolist() == [True, False, True]
    assert torch.equal(dirty.models.rows_MP[1], good)
    assert all(torch.equal(tensor[1], old) for tensor, old in zip(dirty.moments, before, strict=True))
    for one, other in zip((clean.models.rows_MP, *clean.moments), (dirty.models.rows_MP, *dirty.moments), strict=True):
        assert torch.equal(one[[0, 2]], other[[0, 2]])


def test_a_model_is_bitwise_the_same_in_a_smaller_batch() -> None:
    three, two = _Native(_models()), _Native(Models(SHAPE, _models().rows_MP.detach()[:2].clone()))
    for number in (1, 2):
        three.step(number), two.step(number)
    assert torch.equal(three.models.rows_MP[:2], two.models.rows_MP)
