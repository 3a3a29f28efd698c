"""Apportionment on numbers that can be checked by hand."""

from __future__ import annotations

import pytest

from midmix.errors import ConfigError
from midmix.mixer.plan.allocate import allocate, available_sequences, cap_sequences, spread, whole_batches


@pytest.mark.parametrize(("tokens", "expected"), [(0, 0), (1, 0), (8, 0), (9, 1), (16, 1), (17, 2)])
def test_a_sequence_needs_one_token_more_for_its_last_label(tokens: int, expected: int) -> None:
    assert available_sequences(tokens, 8) == expected


def test_budget_is_rounded_down_to_whole_batches() -> None:
    assert whole_batches(1000, 8, 4) == 124
    assert whole_batches(32, 8, 4) == 4


def test_budget_below_one_batch_is_refused_with_both_numbers() -> None:
    with pytest.raises(ConfigError, match="31, below one global batch of 32 tokens"):
        whole_batches(31, 8, 4)


def test_largest_remainder_decides_the_last_sequence() -> None:
    assert allocate(10, [50, 30, 21], [100, 100, 100]) == [5, 3, 2]
    assert allocate(10, [46, 33, 21], [100, 100, 100]) == [5, 3, 2]
    assert allocate(10, [43, 35, 22], [100, 100, 100]) == [4, 4, 2]


def test_equal_remainders_go_to_the_larger_weight_then_to_the_earlier_domain() -> None:
    assert allocate(2, [1, 3], [9, 9]) == [0, 2]
    assert allocate(3, [1, 1], [9, 9]) == [2, 1]


def test_what_a_cap_leaves_goes_to_the_others_by_weight() -> None:
    assert allocate(100, [60, 30, 10], [20, 100, 100]) == [20, 60, 20]


def test_a_cap_that_binds_only_after_redistribution_binds() -> None:
    assert allocate(100, [60, 30, 10], [20, 50, 100]) == [20, 50, 30]


def test_domain_without_weight_gets_nothing_though_caps_bind() -> None:
    assert allocate(30, [1, 0, 1], [10, 99, 20]) == [10, 0, 20]


@pytest.mark.parametrize(("epochs", "expected"), [(0.0, 0), (0.1, 1), (0.3, 3), (1.0, 10), (2.55, 25), (4.0, 40)])
def test_cap_reads_epochs_as_the_decimal_written(epochs: float, expected: int) -> None:
    assert cap_sequences(10, epochs) == expected


def test_spread_repeats_all_shards_alike_and_skips_empty_ones() -> None:
    assert spread(25, [10, 5, 0]) == [17, 8, 0]
    assert spread(0, [0, 0]) == [0, 0]
    with pytest.raises(ValueError, match="hold no whole one"):
        spread(1, [0, 0])
