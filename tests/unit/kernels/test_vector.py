import math

import numpy as np
import pytest
from numba.core.errors import TypingError

from midmix.jit import njit
from midmix.kernels.vector import dot, exp32, fma, highest, sum_of_squares, total, transposed, turn


@njit
def _exponentials(x: np.ndarray, out: np.ndarray) -> None:
    for i in range(len(x)):
        out[i] = exp32(x[i])


@njit
def _fused(a: float, b: float, c: float) -> float:
    return fma(a, b, c)


def _exp(*values: float) -> np.ndarray:
    x = np.array(values, np.float32)
    out = np.empty_like(x)
    _exponentials(x, out)
    return out


def test_exponentials_are_within_two_roundings_of_fp32() -> None:
    x = np.linspace(-87, 88, 20_001, dtype=np.float32)
    exact = np.exp(x.astype(np.float64))
    assert np.abs(_exp(*x) / exact - 1).max() < 1e-7
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


def test_a_fused_product_and_sum_rounds_once() -> None:
    a = np.float32(1 + 2**-12)
    assert _fused(a, a, np.float32(-1)) == 2**-11 + 2**-24


# within a row of strands, beyond it, and in two blocks with a rest
@pytest.mark.parametrize("size", [1, 300, 20_003])
def test_squares_are_summed_once_each(size: int) -> None:
    x = (np.arange(size) % 7).astype(np.float32)
    assert sum_of_squares(x) == (x.astype(np.float64) ** 2).sum()


def test_squares_beyond_fp32_and_nan_are_seen() -> None:
    x = np.ones(300, np.float32)
    for bad, place in ((1e30, 5), (1e30, 299), (math.nan, 5), (math.nan, 299)):
        y = x.copy()
        y[place] = bad
        assert not math.isfinite(sum_of_squares(y))


def test_a_matrix_is_turned_at_the_beginning_of_its_scratch() -> None:
    x = np.arange(6, dtype=np.float32).reshape(2, 3)
    assert transposed(x, np.empty(9, np.float32)).tolist() == x.T.tolist()


# less than a block, blocks alone, and a rest on either side or both
@pytest.mark.parametrize("shape", [(1, 1), (7, 9), (8, 8), (16, 8), (16, 11), (19, 8), (33, 17)])
def test_blocks_and_what_is_beside_them_are_turned(shape: tuple[int, int]) -> None:
    x = np.arange(shape[0] * shape[1], dtype=np.float32).reshape(shape)
    out = np.full(shape[::-1], -1, np.float32)
    turn(x, out)
    assert out.tolist() == x.T.tolist()


def test_a_matrix_that_is_not_contiguous_is_no_matrix_to_turn() -> None:
    with pytest.raises(TypingError, match="layouts A and C"):
        turn(np.zeros((8, 16), np.float32)[:, ::2], np.zeros((8, 8), np.float32))
