"""The power of a design: units, the direction of every lever, and what comes true when losses follow the prior."""

from __future__ import annotations

import numpy as np
import pytest

from midmix.mixer.design import power
from midmix.mixer.design.power import Prior, check_effect, prior_of, smallest_effect
from midmix.mixer.laws.power import Power

RNG = np.random.default_rng(3)
DESIGN = RNG.dirichlet(np.ones(5), 24)
CANDIDATES = RNG.dirichlet(np.ones(5), 40)
REFERENCE = np.full(5, 0.2)


def effect(num_runs: int = 24, spread: float = 0.1, noise: float = 0.01) -> float:
    prior = Prior(spread, noise, "stated")
    return smallest_effect(DESIGN[:num_runs], REFERENCE, CANDIDATES, prior, own=None).typical


def test_more_runs_and_less_noise_show_smaller_effects() -> None:
    assert effect(24) < effect(12) < effect(6)
    assert effect(noise=0.001) < effect(noise=0.02) < effect(noise=0.1)


def test_the_unit_is_that_of_the_prior() -> None:
    assert effect(spread=0.2, noise=0.02) == pytest.approx(2 * effect(spread=0.1, noise=0.01))


def test_repeats_without_noise_say_nothing_new() -> None:
    prior = Prior(0.1, 0.0, "stated")
    once = smallest_effect(DESIGN, REFERENCE, CANDIDATES, prior, own=0)
    twice = smallest_effect(np.vstack([DESIGN, DESIGN]), REFERENCE, CANDIDATES, prior, own=0)
    assert twice.typical == pytest.approx(once.typical, rel=0.01)
    assert once.best < once.typical


def test_no_gain_over_the_reference_itself_is_in_doubt() -> None:
    found = smallest_effect(DESIGN, REFERENCE, REFERENCE[None], Prior(0.1, 0.01, "stated"), own=None)
    assert found.typical == pytest.approx(0.0, abs=1e-6)


def test_errors_of_laws_fitted_on_the_design_are_of_the_size_foretold() -> None:
    """Losses of power laws drawn from the prior, measured with noise: how far off are the fitted laws on the candidates?"""
    noise, ratios = 0.05, []
    foretold = smallest_effect(DESIGN, REFERENCE, CANDIDATES, Prior(1.0, noise, "stated"), own=None).typical
    for seed, (log_gains, log_exponent) in enumerate(power._drawn_laws(5, None)[:10]):
        truth = [(w @ np.exp(log_gains)) ** -np.exp(log_exponent) for w in (DESIGN, CANDIDATES, REFERENCE[None])]
        spread = truth[0].std()
        measured = truth[0] / spread + noise * np.random.default_rng(seed).standard_normal(len(DESIGN))
        fitted = Power().fit(DESIGN, measured + 1.0, own=None)
        error = fitted.predict(CANDIDATES) - fitted.predict(REFERENCE[None]) - (truth[1] - truth[2]) / spread
        ratios.append(np.median(np.abs(error)) / 0.6745 * power.SHOWN / foretold)
    assert 0.4 < np.median(ratios) < 1.6


def test_two_mixtures_compared_directly() -> None:
    assert check_effect(Prior(0.1, 0.01, "stated"), seeds=2) == pytest.approx(0.028)


def test_earlier_runs_give_spread_and_noise() -> None:
    losses, groups = np.array([1.0, 3.0, 5.0, 5.0]), np.array([0, 0, 1, 2])
    found = prior_of(losses, groups)
    assert found is not None
    assert (found.spread, found.noise) == pytest.approx((losses.std(), 2**0.5))
    assert prior_of(losses, np.arange(4)) is None
    bounded = prior_of(losses, np.arange(4), heldout_error=0.7)
    assert bounded is not None and bounded.noise == 0.7 and "at most" in bounded.source
    assert prior_of(losses, np.zeros(4, dtype=int)) is None
