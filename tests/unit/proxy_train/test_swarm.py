import numpy as np
import pytest
import torch

from midmix.proxy_train.model import Models
from midmix.proxy_train.pool import Feed
from midmix.proxy_train.shape import Shape
from midmix.proxy_train.swarm import Recipe, Swarm, even_slices
from midmix.proxy_train.texts import Text, Window

SHAPE = Shape(layers=2, width=16, feed_forward=24, heads=2, vocabulary=50)
LENGTH, SEQUENCES, STEPS = 12, 2, 40
RATES = (3e-3, 1.2e-2, 6e-3, 9e-3)


def _swarm(models: list[int], dtype: torch.dtype = torch.float32, *, rates: tuple[float, ...] = RATES) -> Swarm:
    """A batch of some of four runs that differ in text, learning rate and (the last) seed."""
    generator = torch.Generator().manual_seed(0)
    blocks = (torch.rand(60, LENGTH + 1, generator=generator) ** 3 * 50).to(torch.int32)
    rows = torch.randint(60, (4, STEPS * SEQUENCES), generator=generator)
    recipe = Recipe(
        steps=STEPS,
        learning_rates=tuple(rates[m] for m in models),
        clips=(1.0,) * len(models),
        warmup_fraction=0.1,
        decay_fraction=0.5,
        weight_decay=0.1,
    )
    start = Models.start(SHAPE, [(7, 7, 7, 8)[m] for m in models], device=torch.device("cpu"), dtype=dtype)
    return Swarm(start, Feed(blocks=blocks, rows_MS=rows[models], batch_sequences=SEQUENCES), recipe)


def _losses(swarm: Swarm) -> torch.Tensor:
    return torch.stack([swarm.advance() for _ in range(STEPS)])


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-10), (torch.float32, 1e-5)])
def test_a_batch_equals_training_one_by_one(dtype: torch.dtype, tolerance: float) -> None:
    together = _swarm([0, 1, 2, 3], dtype)
    losses = _losses(together)
    for m in range(4):
        alone = _swarm([m], dtype)
        assert (losses[:, [m]] - _losses(alone)).abs().max() < tolerance
        assert (together.models.rows_MP[[m]] - alone.models.rows_MP).abs().max() < 100 * tolerance
    assert (losses[0] - losses[-1] > 0.1).all()


def test_a_model_is_bitwise_the_same_in_any_batch_and_group(monkeypatch: pytest.MonkeyPatch) -> None:
    together = _swarm([0, 1, 2, 3])
    _losses(together)
    monkeypatch.setattr("midmix.proxy_train.swarm.CPU_TOKENS_IN_FLIGHT", 2 * LENGTH * SEQUENCES)
    for models in ([0, 1, 2, 3], [2]):
        other = _swarm(models)
        _losses(other)
        assert torch.equal(together.models.rows_MP[models], other.models.rows_MP)


def test_slices_are_few_and_even() -> None:
    assert even_slices(9, 5) == [slice(0, 4), slice(4, 9)]
    assert even_slices(3, 7) == [slice(0, 3)]


def test_two_runs_are_bitwise_equal() -> None:
    first, second = _swarm([0, 1, 2, 3]), _swarm([0, 1, 2, 3])
    assert torch.equal(_losses(first), _losses(second))
    assert torch.equal(first.models.rows_MP, second.models.rows_MP)


def test_a_run_that_diverges_is_null_and_its_neighbours_are_bitwise_the_same() -> None:
    clean, dirty = _swarm([0, 1, 2]), _swarm([0, 1, 2])
    for step in range(STEPS):
        clean.advance()
        if step == 10:
            with torch.no_grad():
                dirty.models.rows_MP[1, 5] = torch.nan
        dirty.advance()
    assert torch.equal(clean.models.rows_MP[[0, 2]], dirty.models.rows_MP[[0, 2]])
    text = Text("domain:a", (Window(np.arange(9), 0),), 30)
    measured = dirty.measure([text]).nats_MX
    assert np.isnan(measured[1]).all()
    assert np.array_equal(measured[[0, 2]], clean.measure([text]).nats_MX[[0, 2]])


def test_a_rate_of_zero_freezes_its_model_alone() -> None:
    swarm = _swarm([0, 1], rates=(0.0, 1e-2, 0.0, 0.0))
    before = swarm.models.rows_MP.clone()
    _losses(swarm)
    assert torch.equal(swarm.models.rows_MP[0], before[0])
    assert not torch.equal(swarm.models.rows_MP[1], before[1])


def test_measurements_are_at_eight_points_and_the_end() -> None:
    curve, final = [Text("set:a", (Window(np.arange(5), 0),), 4)], [Text("set:a", (Window(np.arange(9), 0),), 8)]
    measurements = list(_swarm([0]).run(curve, final))
    assert [m.step for m in measurements] == [4, 9, 13, 18, 22, 27, 31, 36, 40, 40]
    assert [m.texts is final for m in measurements] == [False] * 9 + [True]
    assert len({float(m.nats_MX[0, 0]) for m in measurements}) == 10
