"""The exponential law: recovery, robustness to one wild run, convexity."""

from __future__ import annotations

import numpy as np

from midmix.mixer.laws.log_linear import LogLinear

RNG = np.random.default_rng(8)
WEIGHTS = RNG.dirichlet(np.full(3, 0.7), 30)
SLOPES = np.array([-2.0, 0.3, 0.6])


def law(weights: np.ndarray) -> np.ndarray:
    return 0.9 + np.exp(weights @ SLOPES)


def test_a_known_law_is_found_again() -> None:
    fitted = LogLinear().fit(WEIGHTS, law(WEIGHTS), own=None)
    unseen = RNG.dirichlet(np.ones(3), 40)
    np.testing.assert_allclose(fitted.predict(unseen), law(unseen), atol=2e-3)


def test_one_wild_run_hardly_moves_it() -> None:
    losses = law(WEIGHTS)
    losses[3] += 1.5
    fitted = LogLinear().fit(WEIGHTS, losses, own=None)
    keep = np.arange(30) != 3
    assert np.abs(fitted.predict(WEIGHTS[keep]) - law(WEIGHTS[keep])).max() < 0.05


def test_the_fitted_law_is_convex() -> None:
    fitted = LogLinear().fit(WEIGHTS, law(WEIGHTS) + 0.05 * RNG.standard_normal(30), own=None)
    left, right = RNG.dirichlet(np.ones(3), (2, 100))
    middle = np.exp(fitted.theta[0]) + np.exp((left + right) / 2 @ fitted.theta[1:])
    ends = [np.exp(fitted.theta[0]) + np.exp(end @ fitted.theta[1:]) for end in (left, right)]
    assert (middle <= (ends[0] + ends[1]) / 2 + 1e-12).all()


def test_a_refit_forgets_what_it_no_longer_sees() -> None:
    losses = law(WEIGHTS)
    wild = losses.copy()
    wild[:6] += 2.0
    start = LogLinear().fit(WEIGHTS, wild, own=None)
    again = LogLinear().fit(WEIGHTS[6:], losses[6:], own=None, start=start)
    np.testing.assert_allclose(again.predict(WEIGHTS[6:]), losses[6:], atol=2e-3)
