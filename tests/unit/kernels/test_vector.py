import math

import numpy as np
import pytest

from midmix.jit import njit
from midmix.kernels.vector import dot, exp32, highest, total


@njit
def _exponentials(x: np.ndarray, out: np.ndarray) -> None:
    for i in range(len(x)):
        out[i] = exp32(x[i])


def _exp(*values: float) -> np.ndarray:
    x = np.array(values, np.float32)
    out = np.empty_like(x)
    _exponentials(x, out)
    return out


def test_exponentials_are_within_two_roundings_of_fp32() -> None:
    x = np.linspace(-87, 88, 20_001, dtype=np.float32)
    exact = np.exp(x.astype(np.float64))
    assert np.abs(_exp(*x) / exact - 1).max() < 2e-7
    assert _exp(0.0)[0] == 1.0


def test_beyond_its_ends_exp_is_clamped_and_nan_stays() -> None:
    low, high, nan = _exp(-1e30, math.inf, math.nan)
    assert 0 < low < 1e-37
    assert 1e38 < high < math.inf
    assert math.isnan(nan)


@pytest.mark.parametrize("size", [1, 3, 4, 9])
def test_reductions_take_every_value_once(size: int) -> None:
    x = np.arange(1, size + 1, dtype=np.float32)
    assert total(x) == size * (size + 1) / 2
    assert dot(x, 2 * x) == 2 * sum(i * i for i in range(1, size + 1))
    assert highest(x) == highest(x[::-1].copy()) == size
