from collections.abc import Callable

import numpy as np
import pytest
import torch

from midmix.errors import ConfigError
from midmix.proxy_train.model import Models
from midmix.proxy_train.shape import Shape

MakeModels = Callable[[Shape, int], Models]
PlainHidden = Callable[[Shape, np.ndarray, list[int]], np.ndarray]

SHAPE = Shape(layers=2, width=8, feed_forward=12, heads=2, vocabulary=11)


def test_hidden_states_equal_a_plain_llama(random_models: MakeModels, plain_hidden: PlainHidden) -> None:
    models = random_models(SHAPE, 2)
    tokens = torch.randint(11, (2, 3, 7), generator=torch.Generator().manual_seed(1))
    hidden = models.hidden(tokens).detach().view(2, 3, 7, 8).numpy()
    for m in range(2):
        for b in range(3):
            expected = plain_hidden(SHAPE, models.rows_MP[m].numpy(), tokens[m, b].tolist())
            np.testing.assert_allclose(hidden[m, b], expected, rtol=1e-9, atol=1e-11)


def test_a_token_does_not_see_what_follows(random_models: MakeModels) -> None:
    models = random_models(SHAPE, 1)
    tokens = torch.arange(6).view(1, 1, 6)
    other = tokens.clone()
    other[..., 4:] = 10
    before, after = models.hidden(tokens), models.hidden(other)
    assert torch.equal(before[:, :4], after[:, :4])
    assert not torch.equal(before[:, 4:], after[:, 4:])


def test_models_of_one_seed_start_equal_and_others_do_not() -> None:
    models = Models.start(SHAPE, [3, 4, 3], device=torch.device("cpu"))
    assert torch.equal(models.rows_MP[0], models.rows_MP[2])
    assert not torch.equal(models.rows_MP[0], models.rows_MP[1])


def test_rows_hold_every_parameter_once_and_gains_last() -> None:
    parameters = SHAPE.parameters()
    assert [p.offset for p in parameters] == [0, *np.cumsum([p.size for p in parameters])[:-1]]
    assert SHAPE.num_parameters == 11 * 8 + 2 * (8 * 24 + 8 * 8 + 8 * 24 + 12 * 8) + 5 * 8
    assert SHAPE.num_parameters - SHAPE.num_decayed == 5 * 8
    assert SHAPE.name == "L2-d8-ff12-v11"


def test_a_width_that_heads_do_not_divide_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"proxy\.width is 20 and proxy\.heads 4"):
        Shape(layers=1, width=20, feed_forward=8, heads=4, vocabulary=5)
