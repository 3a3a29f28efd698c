import numpy as np
import pytest

from midmix.kernels.small_products import UNPACKED, product, product_back, unpacked_rows


def _whole(*shape: int) -> np.ndarray:
    """Small whole numbers, whose sums of products are exact in fp32."""
    return np.random.default_rng(len(shape) + sum(shape)).integers(-4, 5, shape).astype(np.float32)


# whole; in parts with a rest; and with too wide a second matrix to divide
@pytest.mark.parametrize("size", [(3, 5, 7), (130, 60, 70), (33, 200, 300)])
def test_products_are_exact_in_parts_and_whole(size: tuple[int, int, int]) -> None:
    tokens, depth, width = size
    x, w, y = _whole(tokens, depth), _whole(depth, width), np.full((tokens, width), np.nan, np.float32)
    product(x, w, y)
    assert np.array_equal(y, x.astype(np.float64) @ w)
    d_x = np.full((tokens, depth), np.nan, np.float32)
    product_back(y, w, d_x, np.empty(min(tokens * (depth + width), 2 * UNPACKED), np.float32))
    assert np.array_equal(d_x, y.astype(np.float64) @ w.T.astype(np.float64))


def test_parts_stay_below_what_needs_packing() -> None:
    assert unpacked_rows(32, 64, 192) == 32
    assert unpacked_rows(2048, 64, 192) == 80
    assert unpacked_rows(2048, 768, 256) == 2048
