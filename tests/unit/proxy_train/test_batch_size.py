"""How many runs train in one batch."""

from __future__ import annotations

from midmix.proxy_train.batch_size import rows_per_batch
from midmix.proxy_train.shape import Shape

SMALL = Shape(layers=2, width=64, feed_forward=192, heads=4, vocabulary=2048)


def test_tokens_in_flight_bound_small_models_and_state_large_ones() -> None:
    assert rows_per_batch(SMALL, 2048) == 16
    assert rows_per_batch(SMALL, 512) == 64
    large = Shape(layers=12, width=768, feed_forward=2048, heads=12, vocabulary=50432)
    assert rows_per_batch(large, 512) == 8_000_000_000 // (20 * large.num_parameters) < 64


def test_a_batch_has_at_least_one_run() -> None:
    assert rows_per_batch(SMALL, 1_000_000) == 1
