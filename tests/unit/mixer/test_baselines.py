"""Mixtures that need no runs, on numbers small enough to check by hand."""

from __future__ import annotations

import numpy as np

from midmix.mixer import baselines

TOKENS = np.array([900, 90, 10])
FREE = np.ones(3)


def test_natural_and_temperature() -> None:
    np.testing.assert_allclose(baselines.natural(TOKENS), [0.9, 0.09, 0.01])
    roots = np.sqrt([900, 90, 10])
    np.testing.assert_allclose(baselines.temperature(TOKENS, FREE), roots / roots.sum())
    np.testing.assert_allclose(baselines.temperature(TOKENS, FREE, tau=1.0), baselines.natural(TOKENS))


def test_uniform_keeps_to_the_caps() -> None:
    np.testing.assert_allclose(baselines.uniform(TOKENS, np.array([1.0, 1.0, 0.1])), [0.45, 0.45, 0.1])


def test_unimax_gives_small_domains_all_they_may_give() -> None:
    """Budget 600, two epochs: the smallest gives 20, the next 180 of its share of 290, the largest the other 400."""
    weights = baselines.unimax(TOKENS, np.full(3, 2.0), 600)
    np.testing.assert_allclose(weights, [400 / 600, 180 / 600, 20 / 600])


def test_unimax_is_uniform_where_epochs_allow() -> None:
    np.testing.assert_allclose(baselines.unimax(TOKENS, np.full(3, 4.0), 30), np.full(3, 1 / 3))
