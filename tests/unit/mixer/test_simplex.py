"""Capped shares, exact rounding, distances."""

from __future__ import annotations

import numpy as np
import pytest

from midmix.errors import ConfigError
from midmix.mixer.simplex import hellinger, mixture_groups, round_weights, within_caps


def test_what_a_capped_domain_cannot_take_goes_to_the_others_in_proportion() -> None:
    capped = within_caps(np.array([0.6, 0.3, 0.1]), np.array([0.2, 1.0, 1.0]))
    np.testing.assert_allclose(capped, [0.2, 0.6, 0.2], atol=1e-15)


def test_a_cap_that_binds_only_after_another_one_is_kept_too() -> None:
    capped = within_caps(np.array([0.5, 0.4, 0.1]), np.array([0.2, 0.5, 1.0]))
    np.testing.assert_allclose(capped, [0.2, 0.5, 0.3], atol=1e-15)


def test_domains_without_weight_take_what_no_other_can() -> None:
    capped = within_caps(np.array([[1.0, 0.0, 0.0]]), np.array([0.4, 0.1, 0.5]))
    np.testing.assert_allclose(capped, [[0.4, 0.1, 0.5]], atol=1e-15)


def test_caps_that_no_mixture_can_keep_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"caps sum to 0\.9"):
        within_caps(np.array([0.5, 0.5]), np.array([0.4, 0.5]))


def test_rounding_gives_the_largest_remainders_the_missing_units() -> None:
    assert round_weights(np.array([1.0, 1.0, 1.0])).tolist() == [0.333334, 0.333333, 0.333333]
    assert round_weights(np.array([0.1234564, 0.8765436])).tolist() == [0.123456, 0.876544]


def test_rounding_never_passes_a_cap() -> None:
    assert round_weights(np.array([1 / 3, 2 / 3]), np.array([1 / 3, 1.0])).tolist() == [0.333333, 0.666667]
    assert round_weights(np.array([2 / 3, 1 / 3]), np.array([2 / 3, 1.0])).tolist() == [0.666666, 0.333334]


def test_hellinger_distances_of_corners_and_of_a_half() -> None:
    corners, half = np.eye(2), np.array([[0.5, 0.5]])
    np.testing.assert_allclose(hellinger(corners, corners), [[0, np.sqrt(2)], [np.sqrt(2), 0]], atol=1e-12)
    np.testing.assert_allclose(hellinger(half, corners), [[np.sqrt(2 - np.sqrt(2))] * 2])


def test_mixtures_are_numbered_by_first_sight_and_told_apart_at_a_millionth() -> None:
    weights = np.array([[0.5, 0.5], [0.2, 0.8], [0.5, 0.5], [0.500001, 0.499999]])
    assert mixture_groups(weights).tolist() == [0, 1, 0, 2]
