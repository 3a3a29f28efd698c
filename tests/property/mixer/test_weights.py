"""Whatever the supply and the caps: weights are never negative, sum to 1 and keep to the caps."""

from __future__ import annotations

import numpy as np
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from midmix.mixer import baselines
from midmix.mixer.design.space_filling import design_mixtures, dirichlet_pool
from midmix.mixer.optimize.problem import Predictor
from midmix.mixer.optimize.search import QUICK, search
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
    design = design_mixtures(tokens, caps, control=replay, baseline=None, num_mixtures=8, num_seeds=2, seed=seed)
    assert (np.rint(design.weights * WEIGHT_UNITS).sum(axis=1) == WEIGHT_UNITS).all()
    assert (design.weights >= 0).all()
    bound = np.array([role in ("interior", "space-filling") for role in design.roles])
    if np.floor(caps * WEIGHT_UNITS + 1e-6).sum() >= WEIGHT_UNITS:
        assert (design.weights[bound] <= caps + 1e-9).all()
    assert len(design.roles) == len(design.seeds) == len(design.weights)


class _Slope:
    """A linear loss: its optimum fills the caps of the cheapest domains in order."""

    def __init__(self, slope: np.ndarray) -> None:
        self.slope = slope

    def predict(self, weights: np.ndarray) -> np.ndarray:
        return weights @ self.slope

    def predict_with_sd(self, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return self.predict(weights), np.zeros(len(weights))


@given(capped(), st.integers(0, 1000))
def test_the_search_keeps_to_the_caps_and_comes_near_a_linear_optimum(
    problem: tuple[np.ndarray, np.ndarray], seed: int
) -> None:
    weights, caps = problem
    tokens = np.maximum((weights * 1e6).astype(np.int64), 1)
    slope = np.random.default_rng(seed).random(len(caps))
    pool = dirichlet_pool(tokens, caps, 256, seed)
    found = search(pool, caps, Predictor((_Slope(slope),), np.ones(1)), np.ones(1), (), effort=QUICK, seed=seed)
    check(found, caps)
    best, left = 0.0, 1.0
    for domain in np.argsort(slope):
        taken = min(left, caps[domain])
        best, left = best + taken * slope[domain], left - taken
    assert best - 1e-9 <= found @ slope <= best + 0.08
