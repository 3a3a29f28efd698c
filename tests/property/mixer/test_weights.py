"""Whatever the supply and the caps: weights are never negative, sum to 1 and keep to the caps."""

from __future__ import annotations

import numpy as np
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from midmix.errors import ConfigError
from midmix.mixer import baselines
from midmix.mixer.design.space_filling import design_mixtures
from midmix.mixer.limits import Limits, make_limits
from midmix.mixer.optimize.predictor import Predictor
from midmix.mixer.optimize.problem import Problem
from midmix.mixer.optimize.search import QUICK
from midmix.mixer.optimize.solve import solve
from midmix.mixer.simplex import WEIGHT_UNITS, round_weights, within_caps

SHARES = st.floats(0.0, 1.0).map(lambda x: x if x > 1e-6 else 0.0)


@st.composite
def capped(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    """Weights [k], not normalised, and caps [k] that sum to 1 or more."""
    k = draw(st.integers(2, 8))
    weights, caps = draw(arrays(np.float64, k, elements=SHARES)), draw(arrays(np.float64, k, elements=SHARES))
    assume(weights.sum() > 0.01 and caps.sum() >= 1.0)
    return weights, caps


@st.composite
def supplies(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, int]:
    """Tokens [k], epochs [k] and a budget that they can fill."""
    k = draw(st.integers(2, 7))
    tokens = np.array(draw(st.lists(st.integers(1_000, 10**9), min_size=k, max_size=k)))
    epochs = np.array(draw(st.lists(st.floats(0.5, 8.0), min_size=k, max_size=k)))
    return tokens, epochs, int(draw(st.floats(0.05, 0.99)) * (tokens * epochs).sum()) + 1


def check(weights: np.ndarray, caps: np.ndarray) -> None:
    assert (weights >= 0).all()
    np.testing.assert_allclose(weights.sum(axis=-1), 1.0, atol=1e-9)
    assert (weights <= caps + 1e-9).all()


@given(capped())
def test_capped_weights_are_a_mixture_and_capping_again_changes_nothing(problem: tuple[np.ndarray, np.ndarray]) -> None:
    weights, caps = problem
    once = within_caps(weights, caps)
    check(once, caps)
    np.testing.assert_allclose(within_caps(once, caps), once, atol=1e-9)


@given(capped())
def test_domains_below_their_caps_keep_their_proportions(problem: tuple[np.ndarray, np.ndarray]) -> None:
    weights, caps = problem
    result = within_caps(weights, caps)
    free = (result < caps - 1e-9) & (weights > 0)
    if free.any():
        ratio = result[free] / weights[free]
        np.testing.assert_allclose(ratio, ratio[0], rtol=1e-6)


@given(capped())
def test_rounded_weights_are_whole_millionths_near_the_exact_ones(problem: tuple[np.ndarray, np.ndarray]) -> None:
    weights, caps = problem
    exact = within_caps(weights, caps)
    rounded = round_weights(exact, caps)
    units = np.rint(rounded * WEIGHT_UNITS)
    assert units.sum() == WEIGHT_UNITS
    assert (rounded == units / WEIGHT_UNITS).all()
    assert np.abs(rounded - exact).max() <= len(caps) / WEIGHT_UNITS + 1e-12
    if np.floor(caps * WEIGHT_UNITS + 1e-6).sum() >= WEIGHT_UNITS:
        assert (rounded <= caps + 1e-9).all()


@given(supplies())
def test_baselines_are_mixtures_within_the_caps(supply: tuple[np.ndarray, np.ndarray, int]) -> None:
    tokens, epochs, total = supply
    caps = np.minimum(1.0, tokens * epochs / total)
    check(baselines.uniform(tokens, caps), caps)
    check(baselines.temperature(tokens, caps), caps)
    check(baselines.unimax(tokens, epochs, total), caps + 1e-9)


@given(supplies(), st.integers(0, 2**32 - 1))
def test_designs_are_mixtures_and_only_references_pass_a_cap(
    supply: tuple[np.ndarray, np.ndarray, int], seed: int
) -> None:
    tokens, epochs, total = supply
    caps = np.minimum(1.0, tokens * epochs / total)
    replay = np.eye(len(tokens))[0]
    limits = make_limits("abcdefgh"[: len(caps)], caps)
    design = design_mixtures(tokens, limits, control=replay, baseline=None, num_mixtures=8, num_seeds=2, seed=seed)
    assert (np.rint(design.weights * WEIGHT_UNITS).sum(axis=1) == WEIGHT_UNITS).all()
    assert (design.weights >= 0).all()
    bound = np.array([role in ("interior", "space-filling") for role in design.roles])
    if np.floor(caps * WEIGHT_UNITS + 1e-6).sum() >= WEIGHT_UNITS:
        assert (design.weights[bound] <= caps + 1e-9).all()
    assert len(design.roles) == len(design.seeds) == len(design.weights)


@st.composite
def limited(draw: st.DrawFn) -> tuple[Limits, int]:
    """Limits over 3 to 7 domains with minima and often a frozen group, and a seed."""
    k = draw(st.integers(3, 7))
    names = "abcdefg"[:k]
    caps = np.array(draw(st.lists(st.floats(0.2, 1.0), min_size=k, max_size=k)))
    minimum = {name: draw(st.floats(0.0, 0.15)) for name in names if draw(st.booleans())}
    size = draw(st.sampled_from([0, 2, 3]))
    frozen = [{name: draw(st.floats(0.1, 1.0)) for name in names[:size]}] if size else []
    try:
        return make_limits(names, caps, minimum, frozen), draw(st.integers(0, 1000))
    except ConfigError:
        assume(False)
        raise


def keeps(limits: Limits, weights: np.ndarray) -> None:
    check(weights, limits.domain_high)
    assert (weights >= limits.domain_low - 1e-9).all()
    for row in np.atleast_2d(weights):
        assert limits.broken(row) <= 1e-9


@given(limited())
def test_limits_are_kept_by_the_nearest_weights_which_stay_as_they_are(problem: tuple[Limits, int]) -> None:
    limits, seed = problem
    drawn = np.random.default_rng(seed).dirichlet(np.full(len(limits.share), 0.3), 16)
    nearest = limits.nearest(drawn)
    keeps(limits, nearest)
    np.testing.assert_allclose(limits.nearest(nearest), nearest, atol=1e-9)


class _Slope:
    """A linear loss: its optimum fills the limits of the cheapest variables in order."""

    def __init__(self, slope: np.ndarray) -> None:
        self.slope = slope

    def predict(self, weights: np.ndarray) -> np.ndarray:
        return weights @ self.slope

    def predict_with_sd(self, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return self.predict(weights), np.zeros(len(weights))

    def predict_joint(self, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return self.predict(weights), np.zeros((len(weights), len(weights)))

    def gradient(self, weights: np.ndarray) -> np.ndarray:
        return np.tile(self.slope, (len(weights), 1))


@settings(max_examples=25)
@given(limited())
def test_the_optimum_keeps_all_limits_and_is_the_linear_one(problem: tuple[Limits, int]) -> None:
    limits, seed = problem
    slope = np.random.default_rng(seed).random(len(limits.share))
    law = _Slope(slope)
    pool = limits.nearest(np.vstack([np.eye(len(slope)), np.ones((1, len(slope)))]))
    asked = Problem(Predictor((law,), np.ones((1, 1))), np.ones(1), limits, ())
    found = solve(asked, [law], pool, seed=seed, effort=QUICK)
    keeps(limits, found)
    assert (found == solve(asked, [law], pool, seed=seed, effort=QUICK)).all()
    by_variable = limits.collect(slope)
    best = limits.low.copy()
    for variable in np.argsort(by_variable):
        best[variable] += min(1.0 - best.sum(), limits.high[variable] - limits.low[variable])
    assert best @ by_variable - 1e-9 <= found @ slope <= best @ by_variable + 1e-3
